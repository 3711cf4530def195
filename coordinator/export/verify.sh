#!/bin/sh
# Verifies this export without the software that made it: a POSIX shell, openssl and sha256sum.
#
#   sh verify.sh [--ledger-key HEX] [--certificate HEX]
#
#   --ledger-key   the ledger's Ed25519 public key, 64 hex digits, as the bank published it
#   --certificate  SHA-256 of the export certificate (DER), 64 hex digits, as the bank published it
#
# Without these the script takes both from the bag, and says "not pinned": then it shows that the bag agrees with itself,
# and not whose it is. Compare the SHA-256 of this script with the published one, too: nothing in a bag can vouch for it.
# Exit status: 0 all fits, 1 something does not, 2 usage.
set -eu
LC_ALL=C
export LC_ALL
umask 077

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0"; exit "$1"; }
PINNED_KEY= PINNED_CERTIFICATE=
while [ $# -gt 0 ]; do
  case $1 in
    --ledger-key) [ $# -ge 2 ] || usage 2 >&2; PINNED_KEY=$2; shift 2 ;;
    --certificate) [ $# -ge 2 ] || usage 2 >&2; PINNED_CERTIFICATE=$2; shift 2 ;;
    --help | -h) usage 0 ;;
    *) usage 2 >&2 ;;
  esac
done
lower() { printf '%s' "$1" | tr 'A-F' 'a-f'; }

cd "$(dirname "$0")"
case ${TMPDIR:-/tmp} in *[!A-Za-z0-9._/-]*) TMPDIR=/tmp ;; esac
W=${TMPDIR:-/tmp}/verify-export.$$
mkdir "$W"
trap 'rm -rf "$W"' EXIT
trap 'exit 1' HUP INT TERM
: >"$W/empty"

fail() { printf 'FAILED  %s\n' "$*" | tr -c '[:print:]\n' '?' >&2; exit 1; }
ok() { printf 'ok      %s\n' "$*"; }
# A list in which awk found a fault: its first line says which.
no_faults() { [ ! -s "$1" ] || fail "$(head -n 1 "$1")"; }
hex_of() { od -An -v -tx1 "$@" | tr -d ' \n'; }
bytes_of() { wc -c <"$1" | tr -d ' '; }

# ---------------------------------------------------------------------------------------------------------------------
# 1. The files are those of the manifests, byte for byte, and there is no other.
awk -v data=1 '
  { path = substr($0, 67); digest = substr($0, 1, 64) }
  digest ~ /[^0-9a-f]/ || length(digest) != 64 || substr($0, 65, 2) != "  " || path ~ /[^A-Za-z0-9._\/-]/ || path == "" ||
    path ~ /(^|\/)\.\.?(\/|$)/ || path ~ /^[\/-]/ || seen[path]++ || (FILENAME ~ /^manifest/) != (path ~ /^data\//) {
    print FILENAME ", line " FNR ": is not a manifest line"; exit }' \
  manifest-sha256.txt tagmanifest-sha256.txt >"$W/faults" || fail "the manifests cannot be read"
no_faults "$W/faults"
[ "$(tail -c 1 manifest-sha256.txt; echo x)" = "
x" ] || fail "manifest-sha256.txt: ends within a line"
for manifest in tagmanifest-sha256.txt manifest-sha256.txt; do
  sha256sum -c "$manifest" >"$W/checked" 2>/dev/null || fail "$manifest: $(grep -v ': OK$' "$W/checked" | head -n 1)"
  [ "$(wc -l <"$W/checked")" -eq "$(wc -l <"$manifest")" ] || fail "$manifest: not every line was checked"
done
{ cut -c 67- manifest-sha256.txt; cut -c 67- tagmanifest-sha256.txt; echo tagmanifest-sha256.txt; echo signature.p7s; } |
  sed 's/^/.\//' | sort >"$W/expected"
find . ! -type d | sort >"$W/present"
cmp -s "$W/expected" "$W/present" ||
  fail "a file is missing or too many: $(diff "$W/expected" "$W/present" | sed -n 's/^[<>] //p' | head -n 1)"
[ -z "$(find . ! -type d ! -type f)" ] || fail "there is something that is neither file nor folder"
for name in bagit.txt bag-info.txt manifest-sha256.txt export-certificate.pem verify.sh; do
  grep -q "  $name\$" tagmanifest-sha256.txt || fail "tagmanifest-sha256.txt: does not cover $name"
done
[ "$(cat bagit.txt)" = "BagIt-Version: 1.0
Tag-File-Character-Encoding: UTF-8" ] || fail "bagit.txt: is not a bag of version 1.0"
ok "$(wc -l <"$W/present" | tr -d ' ') files, each as in its manifest, and no other"

# ---------------------------------------------------------------------------------------------------------------------
# 2. The export certificate signed the manifest of manifests. The whole of the signature is compared with its one allowed
#    form (RFC 5652; ECDSA P-256; subject key id; content type, signing time, digest), so that none of its bytes is free.
openssl x509 -in export-certificate.pem -outform DER >"$W/certificate.der" 2>/dev/null ||
  fail "export-certificate.pem: cannot be read"
CERTIFICATE=$(sha256sum <"$W/certificate.der" | cut -c 1-64)
[ -z "$PINNED_CERTIFICATE" ] || [ "$(lower "$PINNED_CERTIFICATE")" = "$CERTIFICATE" ] ||
  fail "export-certificate.pem: is another certificate than --certificate names; it has $CERTIFICATE"
SIGNATURE=$(hex_of signature.p7s)
printf '%s\n' "$SIGNATURE" | awk '
  function part(hex) { if (substr($0, at, length(hex)) == hex) at += length(hex); else bad = 1 }
  BEGIN { at = 1 }
  { part("3082011e06092a864886f70d010702a082010f3082010b020103310d300b0609608648016503040201300b06092a864886f70d0107013181e93081e60201038014"); at += 40
    part("300b0609608648016503040201a069301806092a864886f70d010903310b06092a864886f70d010701301c06092a864886f70d010905310f170d"); at += 26
    part("302f06092a864886f70d01090431220420"); at += 64
    part("300a06082a8648ce3d0403020447"); at += 142
    exit (bad || at != length($0) + 1) }' || fail "signature.p7s: does not have the form of our signatures"
openssl cms -verify -binary -noverify -nointern -certfile export-certificate.pem -content tagmanifest-sha256.txt \
  -inform DER -in signature.p7s -out /dev/null 2>"$W/openssl" || fail "signature.p7s: $(head -n 1 "$W/openssl")"
ok "signature of the export certificate over the manifests"

# ---------------------------------------------------------------------------------------------------------------------
# 3. The ledger's key signed the tree head.
P=data/proof
openssl pkey -pubin -in $P/ledger-key.pem -outform DER >"$W/key.der" 2>/dev/null || fail "$P/ledger-key.pem: cannot be read"
[ "$(hex_of "$W/key.der" | cut -c 1-24)" = 302a300506032b6570032100 ] || fail "$P/ledger-key.pem: is no Ed25519 key"
KEY=$(hex_of "$W/key.der" | cut -c 25-88)
[ -z "$PINNED_KEY" ] || [ "$(lower "$PINNED_KEY")" = "$KEY" ] ||
  fail "$P/ledger-key.pem: is another key than --ledger-key names; it is $KEY"
head -n 3 $P/head.txt >"$W/head"
[ "$(wc -l <$P/head.txt)" -eq 5 ] && [ -z "$(sed -n 4p $P/head.txt)" ] || fail "$P/head.txt: is no signed tree head"
ORIGIN=$(sed -n 1p "$W/head") SIZE=$(sed -n 2p "$W/head")
ROOT=$(sed -n 3p "$W/head" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
LEDGER=${ORIGIN#turret-recorder/}
case $SIZE in '' | *[!0-9]*) fail "$P/head.txt: has no size" ;; esac
SIGNATURE=$(sed -n 5p $P/head.txt | sed 's/.* //')
printf '%s' "$SIGNATURE" | openssl base64 -d -A >"$W/head.line"
NAMED=$({ printf '%s\n\001' "$ORIGIN"; tail -c 32 "$W/key.der"; } | sha256sum | cut -c 1-8)
[ "$(sed -n 5p $P/head.txt)" = "— $ORIGIN $(openssl base64 -A <"$W/head.line")" ] &&
  [ "$(hex_of "$W/head.line" | cut -c 1-8)" = "$NAMED" ] || fail "$P/head.txt: the signature line names another key"
tail -c 64 "$W/head.line" >"$W/head.sig"
openssl pkeyutl -verify -pubin -inkey $P/ledger-key.pem -rawin -in "$W/head" -sigfile "$W/head.sig" >/dev/null 2>&1 ||
  fail "$P/head.txt: is not signed with the ledger's key"
ok "signature of the ledger's key over the tree head of $SIZE entries"

# ---------------------------------------------------------------------------------------------------------------------
# 4. Merkle paths (RFC 9162, 2.1.3.2). The lists give, for each leaf, its place in the tree and its path; all leaves are
#    folded at once, one level a round, so that one sha256sum hashes a whole level.

# fold LIST ROOTS: LIST has lines "name hash index size path", path = hashes with commas, or "-"; ROOTS gets "name root".
fold() {
  awk '$3 ~ /[^0-9]/ || $4 ~ /[^0-9]/ || $3 >= $4 + 0 { print $1 ": is not in its tree"; exit 1 }
       { print $1, $3, $4 - 1, $2, $5 }' "$1" >"$W/state" || fail "$(cat "$W/state" | tail -n 1)"
  while :; do
    rm -rf "$W/level" && mkdir "$W/level"
    # Fields: name, index and last index at this level, hash, rest of the path.
    awk -v level="$W/level" -v script="$W/script" -v next_state="$W/next" '
      function half(n) { return int(n / 2) }
      function octal(hex,  i, out) {
        for (i = 1; i < length(hex); i += 2) out = out escape[substr(hex, i, 2)]
        return out
      }
      BEGIN {
        digits = "0123456789abcdef"
        for (i = 0; i < 256; i++)
          escape[substr(digits, int(i / 16) + 1, 1) substr(digits, i % 16 + 1, 1)] = sprintf("\\0%03o", i)
        printf "" >script
        printf "" >next_state
      }
      $5 == "-" { print $1, $2, $3, $4, $5 >next_state; next }
      {
        comma = index($5, ","); node = comma ? substr($5, 1, comma - 1) : $5; rest = comma ? substr($5, comma + 1) : "-"
        if (length(node) != 64 || node ~ /[^0-9a-f]/ || $3 == 0) { print $1 ": the path does not fit the tree"; exit 1 }
        n = $2; last = $3
        if (n % 2 == 1 || n == last) {
          both = octal(node) octal($4)
          while (n % 2 == 0 && n != 0) { n = half(n); last = half(last) }
        } else both = octal($4) octal(node)
        print "printf %b \047\\0001" both "\047 >\047" level "/" NR "\047" >script
        print $1, half(n), half(last), "@" NR, rest >next_state
      }' "$W/state" >"$W/faults" || fail "$(head -n 1 "$W/faults")"
    [ -s "$W/script" ] || break
    . "$W/script"
    find "$W/level" -type f -exec sha256sum {} + >"$W/sums"
    awk 'FNR == NR { n = split($2, part, "/"); sum["@" part[n]] = $1; next }
         { print $1, $2, $3, ($4 in sum) ? sum[$4] : $4, $5 }' "$W/sums" "$W/next" >"$W/state"
  done
  awk '$3 != 0 { print $1 ": the path is too short for the tree"; exit 1 } { print $1, $4 }' "$W/state" >"$2" ||
    fail "$(tail -n 1 "$2")"
}

# Bytes of many files, one line of hex each: dump LIST-OF-FILES.
dump() {
  xargs wc -c <"$1" | awk '$2 != "total" || NF > 2 { print $2, $1 }' >"$W/sizes"
  xargs cat <"$1" | od -An -v -tx1 | awk '
    FNR == NR { name[++files] = $1; size[files] = 2 * $2; next }
    { gsub(/ /, ""); text = text $0
      while (done < files && length(text) >= size[done + 1]) {
        done++; print name[done], substr(text, 1, size[done]); text = substr(text, size[done] + 1) } }
    END { if (done != files || text != "") print "- the files changed while they were read" }' "$W/sizes" -
}

# The lists, strictly: what stands in them goes into file names and sums below.
check_list() { # FILE, number of fields, awk condition of a good line
  awk 'function number(text) { return text ~ /^[0-9]+$/ && length(text) <= 15 }
       function id(text) { return length(text) == 32 && text !~ /[^0-9a-f]/ }
       function path(text) { return text == "-" || text ~ /^[0-9a-f,]+$/ }
       NF != '"$2"' || !('"$3"') { print FILENAME ", line " FNR ": is not a line of this list"; exit }' "$1" >"$W/faults"
  no_faults "$W/faults"
}
check_list $P/entries.txt 5 'number($1) && !seen[$1]++ && $2 ~ /^[a-z]+$/ && ($3 == "-" || number($3)) &&
  ($4 == "-" || number($4)) && path($5)'
check_list $P/segments.txt 6 'id($1) && number($2) && !seen[$1, $2]++ && number($3) && number($4) && number($5) && path($6)'
check_list $P/streams.txt 7 'id($1) && !seen[$1]++ && id($2) && $3 ~ /^(opus|payload)$/ && number($4) &&
  $5 == "data/calls/" $2 "/stream-" $1 "." $3 && ($6 == "-" && $7 == "-" || number($6) && number($7))'
check_list $P/pages.txt 3 'id($1) && number($2) && number($3)'

# Entries: the leaf is in the ledger; the opened body is the one that the leaf commits to.
awk -v p=$P/entries/ '{ print p $1 ".leaf" }' $P/entries.txt >"$W/names"
dump "$W/names" >"$W/leaves"
awk -v p=$P/entries/ -v ledger="$LEDGER" -v folds="$W/folds" -v size="$SIZE" '
  FILENAME == "manifest-sha256.txt" { digest[substr($0, 67)] = substr($0, 1, 64); next }
  FILENAME ~ /\/leaves$/ { leaf[$1] = $2; next }
  { name = p $1; hex = leaf[name ".leaf"]
    if (substr(hex, 1, 2) != "00") { print name ".leaf: is no leaf"; exit }
    if (index(hex, "1210" ledger) != 7) { print name ".leaf: belongs to another ledger"; exit }
    if ($3 != "-") { at = 2 * $3 + 1   # Field 3 of VolumeState, 32 bytes: the root of the volume.
      if (substr(hex, at - 4, 4) != "1a20") { print name ".leaf: holds no root of a volume there"; exit }
      print $1, substr(hex, at, 64) >(folds ".roots") }
    if ($4 != "-") { at = 2 * $4 + 1   # Field 10 of Leaf, 32 bytes: the digest of the opened body.
      if (substr(hex, at - 4, 4) != "5220") { print name ".leaf: holds no digest of a body there"; exit }
      if (substr(hex, at, 64) != digest[name ".body"]) { print name ".body: is not what the leaf commits to"; exit }
      bodies++ }
    print $1, digest[name ".leaf"], $1, size, $5 >folds }
  END { print bodies + 0 >(folds ".bodies") }' manifest-sha256.txt "$W/leaves" $P/entries.txt >"$W/faults"
no_faults "$W/faults"
fold "$W/folds" "$W/roots"
awk -v root="$ROOT" '$2 != root { print "entry " $1 ": is not in the ledger under the signed tree head"; exit }' \
  "$W/roots" >"$W/faults"
no_faults "$W/faults"
ENTRIES=$(wc -l <"$W/roots" | tr -d ' ') BODIES=$(cat "$W/folds.bodies")
ok "$ENTRIES ledger entries are under the signed tree head; $BODIES opened bodies are what their entries commit to"

# The export itself is in the ledger, and names the certificate: a pinned ledger key pins the certificate, too.
EXPORT=$(awk '$2 == "export" { print $1 }' $P/entries.txt)
[ -f "$P/entries/$EXPORT.body" ] && tr -c 'a-z0-9:' ' ' <"$P/entries/$EXPORT.body" | grep -q "sha256:$CERTIFICATE" ||
  fail "the ledger's entry of this export does not name the export certificate"
ok "the ledger records this export (entry $EXPORT) and the certificate that signed it"

# Segments: plaintext → opening digest in the header → leaf → root of the volume → a ledger entry.
: >"$W/names"; : >"$W/folds"; [ -f "$W/folds.roots" ] || : >"$W/folds.roots"
awk -v p=$P/segments/ '{ print p $1 "/" $2 ".leaf" }' $P/segments.txt >"$W/names"
if [ -s "$W/names" ]; then dump "$W/names" >"$W/leaves"; else : >"$W/leaves"; fi
awk -v p=$P/segments/ -v ledger="$LEDGER" '
  FILENAME == "manifest-sha256.txt" { digest[substr($0, 67)] = substr($0, 1, 64); next }
  FILENAME ~ /\/leaves$/ { leaf[$1] = $2; next }
  { name = p $1 "/" $2; hex = leaf[name ".leaf"]; header = substr(hex, 3, 360)
    if (length(hex) != 426 || substr(hex, 1, 18) != "005453454701010000") fault = ".leaf: is no leaf of a segment"
    else if (substr(header, 17, 32) != ledger) fault = ".leaf: belongs to another ledger"
    else if (substr(header, 81, 32) != $1) fault = ".leaf: belongs to another stream"
    else if (substr(header, 113, 16) != sprintf("%016x", $2)) fault = ".leaf: has another sequence number"
    else if (substr(header, 289, 64) != digest[name ".plain"]) fault = ".plain: is not what the header commits to"
    if (fault != "") { print name fault >"/dev/stderr"; exit 1 }
    print $1 "/" $2 "/" $5, digest[name ".leaf"], $3, $4, $6 }' \
  manifest-sha256.txt "$W/leaves" $P/segments.txt >"$W/folds" 2>"$W/faults" || fail "$(head -n 1 "$W/faults")"
fold "$W/folds" "$W/roots"
awk 'FILENAME ~ /\/folds.roots$/ { root[$1] = $2; next }
     { split($1, part, "/")
       if (!(part[3] in root) || root[part[3]] != $2) {
         print "segment " part[2] " of stream " part[1] ": is not in the volume that ledger entry " part[3] " states"; exit } }' \
  "$W/folds.roots" "$W/roots" >"$W/faults"
no_faults "$W/faults"
SEGMENTS=$(wc -l <"$W/roots" | tr -d ' ')
ok "$SEGMENTS segments: the plaintext is what was sealed, and lies in a volume that the ledger states"

# ---------------------------------------------------------------------------------------------------------------------
# 5. Streams are whole, and the audio files are made of the proven bytes.
RUNNING=0 STREAMS=0
while read -r stream _ media segments file end_entry end_offset; do
  STREAMS=$((STREAMS + 1))
  [ -f "$file" ] || fail "$file: is missing"
  awk -v id="$stream" -v segments="$segments" '$1 == id && $2 != n++ { bad = 1 } END { exit (bad || n != segments) }' \
    $P/segments.txt ||
    fail "stream $stream: a segment is missing"
  if [ "$end_entry" = - ]; then
    RUNNING=1
  else
    # StreamEnd in the body of the call's end: field 1, 16 bytes, the id; field 2, a varint, the number of segments.
    od -An -v -tu1 -j "$end_offset" -N 24 "$P/entries/$end_entry.body" | awk -v id="$stream" -v segments="$segments" '
      { for (i = 1; i <= NF; i++) byte[++n] = $i }
      END {
        for (i = 3; i <= 18; i++) hex = hex sprintf("%02x", byte[i])
        scale = 1
        for (i = 20; i <= n; i++) { value += byte[i] % 128 * scale; scale *= 128; if (byte[i] < 128) break }
        exit !(byte[1] == 10 && byte[2] == 16 && hex == id && byte[19] == 16 && value == segments) }' ||
      fail "stream $stream: the ledger states another number of segments at the end of the call"
  fi
  : >"$W/media"
  awk -v id="$stream" -v p="$P/segments/" '$1 == id { print p $1 "/" $2 ".plain" }' $P/segments.txt >"$W/names"
  while read -r plain; do
    # Opening (32) | length of body (4) | body | media bytes.
    # shellcheck disable=SC2046
    set -- $(od -An -v -tu1 -j 32 -N 4 "$plain")
    [ $# -eq 4 ] || fail "$plain: is too short"
    tail -c +$((37 + (($1 * 256 + $2) * 256 + $3) * 256 + $4)) "$plain" >>"$W/media"
  done <"$W/names"
  if [ "$media" = payload ]; then
    cmp -s "$W/media" "$file" || fail "$file: is not the payload in the proven segments"
  else
    awk -v id="$stream" '$1 == id { if ($2 < end + 0) exit 1; end = $2 + $3; print $2, $3 }' $P/pages.txt >"$W/pages" ||
      fail "$P/pages.txt: pages of stream $stream overlap"
    while read -r offset bytes; do
      tail -c +$((offset + 1)) "$file" | head -c "$bytes"
    done <"$W/pages" >"$W/bodies" 2>/dev/null
    cmp -s "$W/media" "$W/bodies" || fail "$file: does not hold the Opus frames in the proven segments"
  fi
done <$P/streams.txt
awk 'FILENAME ~ /streams.txt$/ { known[$1] = 1; next } !($1 in known) { print FILENAME ", line " FNR ": is of no stream in the list"; exit }' \
  $P/streams.txt $P/segments.txt >"$W/faults"
no_faults "$W/faults"
ok "$STREAMS streams: no segment is missing, and each audio file is made of the proven bytes"

# ---------------------------------------------------------------------------------------------------------------------
cat <<END

PROVED, with nothing but hashes and the ledger's signature:
  - $SEGMENTS segments of $STREAMS streams stand in ledger $LEDGER under its signed head of $SIZE entries,
    with these plaintexts, in this order, none missing between the first and the last.
  - The Opus frames in stream-*.opus, and the bytes of stream-*.payload, are those of the proven segments.
  - What the ledger says of the calls (data/proof/entries/*.body: start, parties, gaps, pauses, end) is as it was recorded.
COVERED BY THE SIGNATURE of the export certificate alone:
  - The WAV files (decoded), the JSON and CSV files (rewritten for reading), and the page headers of the Ogg files.
NOT PROVED here:
  - That each segment names the hash of the sealed one before it: that needs the sealed bytes, which stay in the archive.
END
[ $RUNNING -eq 0 ] || echo "  - That a call which had not ended yet has no further segments."
if [ -n "$PINNED_KEY" ]; then echo "ledger key      $KEY (pinned)"; else echo "ledger key      $KEY (NOT PINNED: compare with what the bank published)"; fi
if [ -n "$PINNED_CERTIFICATE" ]; then
  echo "certificate     $CERTIFICATE (pinned)"
elif [ -n "$PINNED_KEY" ]; then
  echo "certificate     $CERTIFICATE (named by the pinned ledger)"
else
  echo "certificate     $CERTIFICATE (NOT PINNED: compare with what the bank published)"
fi
echo "this script     $(sha256sum <"$(basename "$0")" | cut -c 1-64) (compare with what was published)"
echo "VERIFIED"
