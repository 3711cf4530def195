#include "storage/key/book_wrap.h"

#include "storage/base/sealed_box.h"
#include "storage/key/names.h"

namespace turret {
namespace {

Buffer Start(std::string_view label, const BookIds& ids) {
  Buffer aad = ToBuffer(AsBytes(label));
  Append(aad, ids.ledger.bytes());
  Append(aad, ids.book.bytes());
  return aad;
}

Buffer DayAad(const v1::BookHeader& header) {
  Buffer aad = ToBuffer(AsBytes("turret day key v1"));
  Append(aad, AsBytes(header.ledger_id()));
  Append(aad, AsBytes(header.book_id()));
  Append(aad, AsBytes(header.month_key_id()));
  Append(aad, AsBytes(header.book_class()));
  aad.insert(aad.end(), kClassBytesMax - std::min(kClassBytesMax, header.book_class().size()), 0);
  Append(aad, AsBytes(header.day()));
  return aad;
}

Buffer BucketAad(const BookIds& ids, const v1::BucketKey& bucket) {
  Buffer aad = Start("turret bucket key v1", ids);
  StoreU32(aad, bucket.bucket());
  StoreU32(aad, bucket.generation());
  return aad;
}

Buffer KeyAad(const BookIds& ids, const v1::WrappedKey& key) {
  Buffer aad = Start("turret wrapped key v1", ids);
  Append(aad, AsBytes(key.key_id()));
  Append(aad, AsBytes(key.call_id()));
  Append(aad, AsBytes(key.node_id()));
  StoreU32(aad, static_cast<uint32_t>(key.use()));
  StoreU32(aad, key.generation());
  return aad;
}

}  // namespace

std::string WrapDayKey(const v1::BookHeader& names, const SecretKey& month_key, const SecretKey& day_key,
                       Random& random) {
  return ToString(SealBox(month_key, DayAad(names), day_key.bytes(), random));
}

std::string WrapBucketKey(const BookIds& ids, const v1::BucketKey& names, const SecretKey& day_key,
                          const SecretKey& bucket_key, Random& random) {
  return ToString(SealBox(day_key, BucketAad(ids, names), bucket_key.bytes(), random));
}

std::string WrapKey(const BookIds& ids, const v1::WrappedKey& names, const SecretKey& bucket_key,
                    const SecretKey& key, Random& random) {
  return ToString(SealBox(bucket_key, KeyAad(ids, names), key.bytes(), random));
}

absl::StatusOr<SecretKey> UnwrapDayKey(const v1::BookHeader& header, const SecretKey& month_key) {
  return OpenKeyBox(month_key, DayAad(header), AsBytes(header.wrapped_day_key()));
}

absl::StatusOr<SecretKey> UnwrapBucketKey(const BookIds& ids, const v1::BucketKey& bucket,
                                          const SecretKey& day_key) {
  return OpenKeyBox(day_key, BucketAad(ids, bucket), AsBytes(bucket.wrapped()));
}

absl::StatusOr<SecretKey> UnwrapKey(const BookIds& ids, const v1::WrappedKey& wrapped,
                                    const SecretKey& bucket_key) {
  return OpenKeyBox(bucket_key, KeyAad(ids, wrapped), AsBytes(wrapped.wrapped()));
}

}  // namespace turret
