#include "coordinator/ingest/recovery.h"

#include <filesystem>
#include <map>

#include "coordinator/ingest/entry_writer.h"
#include "coordinator/ingest/group_commit.h"
#include "coordinator/ingest/segment_intake.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

// What the clear parts of the leaves tell.
struct LedgerKnowledge {
  std::map<BookId, v1::BookState> books;
  std::set<std::string> intake_keys;
};

absl::StatusOr<LedgerKnowledge> ReadKnowledge(const Ledger& ledger) {
  LedgerKnowledge known;
  const absl::Status read =
      ledger.Read(0, ledger.Head().size(), [&](uint64_t index, const StoredEntry& stored) -> absl::Status {
        v1::Leaf leaf;
        if (!leaf.ParseFromArray(stored.leaf.data(), static_cast<int>(stored.leaf.size())))
          return absl::DataLossError(fmt::format("ledger entry {}: its leaf does not parse", index));
        if (leaf.kind() == v1::INTAKE_KEY) known.intake_keys.insert(leaf.public_key());
        if (leaf.kind() != v1::BOOK_EXTENDED) return absl::OkStatus();
        TURRET_ASSIGN_OR_RETURN(const BookId id, BookId::FromProto(leaf.book().book_id()));
        known.books[id] = leaf.book();
        return absl::OkStatus();
      });
  if (!read.ok()) return read;
  return known;
}

absl::StatusOr<std::unique_ptr<RootKey>> OpenRoot(const ArchiveOptions& options, Environment& environment,
                                                  Random& random) {
  const std::string keys = JoinPath(options.directory, "keys");
  const std::string path = JoinPath(keys, "root.key");
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(keys));
  if (!environment.Exists(path)) {
    // A new root opens nothing of an archive that is there: never make one beside it.
    if (environment.Exists(JoinPath(options.directory, "ledger")))
      return absl::DataLossError(
          fmt::format("{} is missing, but the archive is not empty: restore the file", path));
    TURRET_RETURN_IF_ERROR(CreateRootFile(environment, path, options.passphrase, random));
  }
  return OpenRootFile(environment, path, options.passphrase, random);
}

absl::StatusOr<std::unique_ptr<Index>> OpenIndex(ArchiveParts& parts) {
  const std::string directory = JoinPath(parts.directory, "index");
  for (const bool last_try : {false, true}) {
    TURRET_ASSIGN_OR_RETURN(Index::Keys keys, parts.IndexKeys());
    absl::StatusOr<std::unique_ptr<Index>> index = Index::Open(directory, std::move(keys));
    const bool ahead = index.ok() && (*index)->Position() > parts.ledger->Head().size();
    if (!ahead && (last_try || !absl::IsDataLoss(index.status()))) return index;
    spdlog::warn("the index is {}: rebuilding it from the ledger",
                 ahead ? "ahead of the ledger" : "unreadable");
    index = absl::UnknownError("closed");  // Releases its files.
    std::error_code error;
    std::filesystem::remove_all(directory, error);
    if (error) return absl::UnavailableError(fmt::format("{}: {}", directory, error.message()));
  }
  return absl::DataLossError("the index is ahead of the ledger, even when new");
}

// Beside the ledger, for whoever checks it. Their trust comes from a copy that is kept elsewhere.
absl::Status WritePublicKey(const ArchiveParts& parts) {
  const std::string path = JoinPath(JoinPath(parts.directory, "ledger"), "public.pem");
  const std::string pem = Ed25519PublicPem(parts.ledger->public_key());
  const absl::StatusOr<Buffer> held =
      parts.environment.Exists(path) ? parts.environment.ReadAll(path) : Buffer();
  if (held.ok() && AsText(*held) == pem) return absl::OkStatus();
  return parts.environment.WriteAtomically(path, AsBytes(pem));
}

// The books must hold all that the ledger knows; what they hold more gets its entry now.
absl::Status CoverBooks(const ArchiveParts& parts, const LedgerKnowledge& known, EntryWriter& writer) {
  std::set<BookId> found;
  for (const v1::BookState& state : parts.books->StatesOnOpen()) {
    TURRET_ASSIGN_OR_RETURN(const BookId id, BookId::FromProto(state.book_id()));
    found.insert(id);
    const auto before = known.books.find(id);
    if (before != known.books.end()) {
      const v1::BookState& old = before->second;
      if (state.records() < old.records())
        return absl::DataLossError(
            fmt::format("key book {}: {} records, the ledger knows {}; run turret-verify", id.ToHex(),
                        state.records(), old.records()));
      TURRET_ASSIGN_OR_RETURN(const Digest root, parts.books->RootAt(id, old.records()));
      if (root != DigestFrom(old.root()))
        return absl::DataLossError(fmt::format("key book {} was altered; run turret-verify", id.ToHex()));
      if (state.records() == old.records() && state.closed() == old.closed()) continue;
    }
    TURRET_RETURN_IF_ERROR(writer.AppendBook(state).status());
  }
  for (const auto& [id, state] : known.books)
    if (!found.contains(id))
      return absl::DataLossError(
          fmt::format("key book {} is missing; restore it, or run turret-verify", id.ToHex()));
  return absl::OkStatus();
}

// Of the segments that no entry covers, those are taken that go on where their streams end: a node sends the
// others again. They may lie in any order over several volumes.
absl::Status TakeRecovered(const ArchiveParts& parts, std::vector<VolumeStore::Extended>& volumes,
                           SegmentIntake& segments) {
  struct Found {
    VolumeStore::Extended* volume;
    v1::Placement placement;
  };
  std::vector<Found> all;
  for (VolumeStore::Extended& volume : volumes) {
    for (v1::Placement& placement : *volume.contents.mutable_placements())
      all.push_back({.volume = &volume, .placement = std::move(placement)});
    volume.contents.clear_placements();
  }
  std::stable_sort(all.begin(), all.end(), [](const Found& a, const Found& b) {
    return std::pair(a.placement.stream_id(), a.placement.sequence()) <
           std::pair(b.placement.stream_id(), b.placement.sequence());
  });
  uint64_t left_out = 0;
  for (Found& found : all) {
    TURRET_ASSIGN_OR_RETURN(const VolumeId id, VolumeId::FromProto(found.volume->state.volume_id()));
    TURRET_ASSIGN_OR_RETURN(const Buffer sealed,
                            parts.volumes->ReadSegment(id, found.placement.offset_bytes()));
    TURRET_ASSIGN_OR_RETURN(const bool taken, segments.TakeRecovered(sealed));
    if (taken)
      *found.volume->contents.add_placements() = std::move(found.placement);
    else
      ++left_out;
  }
  if (!all.empty())
    spdlog::warn("recovery: {} segments had no ledger entry; {} are covered now, {} will be sent again",
                 all.size(), all.size() - left_out, left_out);
  return absl::OkStatus();
}

absl::Status CoverVolumes(ArchiveParts& parts, std::vector<RecoveredVolume> recovered, EntryWriter& writer) {
  if (recovered.empty()) return absl::OkStatus();
  std::vector<VolumeStore::Extended> volumes;
  volumes.reserve(recovered.size());
  for (RecoveredVolume& volume : recovered) volumes.push_back(std::move(volume.closing));
  TURRET_ASSIGN_OR_RETURN(const BookSeal seal, SealOfToday(parts, "coverage"));
  TURRET_ASSIGN_OR_RETURN(const std::vector<v1::BookState> books, parts.books->Commit());
  for (const v1::BookState& state : books) TURRET_RETURN_IF_ERROR(writer.AppendBook(state).status());
  SegmentIntake segments(parts);
  TURRET_RETURN_IF_ERROR(TakeRecovered(parts, volumes, segments));
  return AppendVolumes(std::move(volumes), segments, seal.under(), writer);
}

// What the ledger has of a volume, from the index, which is caught up by now.
absl::StatusOr<std::optional<LocalVolumeStore::Known>> KnownVolume(const Index& index, const VolumeId& id) {
  const absl::StatusOr<v1::VolumeRow> row = index.Volume(id);
  if (absl::IsNotFound(row.status())) return std::nullopt;
  if (!row.ok()) return row.status();
  return LocalVolumeStore::Known{.state = row->state(), .closed = row->closed()};
}

}  // namespace

absl::StatusOr<OpenedArchive> OpenArchive(const ArchiveOptions& options, Environment& environment,
                                          Clock& clock, Random& random, CoordinatorMetrics& metrics) {
  auto parts = std::unique_ptr<ArchiveParts>(new ArchiveParts{.environment = environment,
                                                              .clock = clock,
                                                              .random = random,
                                                              .metrics = metrics,
                                                              .directory = options.directory});
  const auto folder = [&](std::string_view name) { return JoinPath(options.directory, name); };
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(options.directory));
  TURRET_ASSIGN_OR_RETURN(parts->lock, ArchiveLock::Take(options.directory));
  TURRET_ASSIGN_OR_RETURN(parts->root, OpenRoot(options, environment, random));
  TURRET_ASSIGN_OR_RETURN(parts->keys, KeyTree::Open(environment, folder("keys"), *parts->root, random));

  TURRET_ASSIGN_OR_RETURN(SecretKey seed, parts->keys->Secret("ledger-signing"));
  TURRET_ASSIGN_OR_RETURN(parts->ledger,
                          Ledger::Open(environment, folder("ledger"), std::move(seed), clock, random));
  TURRET_RETURN_IF_ERROR(WritePublicKey(*parts));
  TURRET_ASSIGN_OR_RETURN(const LedgerKnowledge known, ReadKnowledge(*parts->ledger));

  TURRET_ASSIGN_OR_RETURN(parts->books, KeyBooks::Open(environment, parts->BooksDirectory(),
                                                       parts->ledger->id(), *parts->keys, random));
  TURRET_RETURN_IF_ERROR(parts->book_names.Load(environment, parts->BooksDirectory()));
  TURRET_ASSIGN_OR_RETURN(parts->index, OpenIndex(*parts));
  TURRET_RETURN_IF_ERROR(CatchUp(*parts->ledger, *parts->books, *parts->index));

  EntryWriter writer(*parts->ledger, *parts->books, *parts->index);
  TURRET_RETURN_IF_ERROR(CoverBooks(*parts, known, writer));
  TURRET_ASSIGN_OR_RETURN(
      LocalVolumeStore::Opened volumes,
      LocalVolumeStore::Open(environment, folder("volumes"), parts->ledger->id(), clock, random,
                             [&](const VolumeId& id) { return KnownVolume(*parts->index, id); }));
  parts->volumes = std::move(volumes.store);
  // Damage to what was acknowledged does not stop the ingest of what comes: it is an alarm, and
  // turret-verify's finding.
  for (const std::string& damage : volumes.damaged) spdlog::error("alarm: damaged volume: {}", damage);
  metrics.VolumesDamaged(volumes.damaged.size());
  TURRET_RETURN_IF_ERROR(CoverVolumes(*parts, std::move(volumes.recovered), writer));
  if (!writer.empty()) TURRET_RETURN_IF_ERROR(writer.Commit().status());
  return OpenedArchive{.parts = std::move(parts), .intake_keys_known = known.intake_keys};
}

}  // namespace turret::coordinator
