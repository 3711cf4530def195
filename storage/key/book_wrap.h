// How the keys of a book are wrapped: what each sealed box is bound to. FORMAT.md, "Key book".
#pragma once

#include "absl/status/statusor.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "turret/v1/archive.pb.h"

namespace turret {

/// What every box of a book is bound to.
struct BookIds {
  LedgerId ledger;
  BookId book;
};

/// Each takes the record with its names filled in, and gives the box that belongs into its `wrapped` field.
std::string WrapDayKey(const v1::BookHeader& names, const SecretKey& month_key, const SecretKey& day_key,
                       Random& random);
std::string WrapBucketKey(const BookIds& ids, const v1::BucketKey& names, const SecretKey& day_key,
                          const SecretKey& bucket_key, Random& random);
std::string WrapKey(const BookIds& ids, const v1::WrappedKey& names, const SecretKey& bucket_key,
                    const SecretKey& key, Random& random);

/// Errors: DataLoss when the box does not open with these names.
absl::StatusOr<SecretKey> UnwrapDayKey(const v1::BookHeader& header, const SecretKey& month_key);
absl::StatusOr<SecretKey> UnwrapBucketKey(const BookIds& ids, const v1::BucketKey& bucket,
                                          const SecretKey& day_key);
absl::StatusOr<SecretKey> UnwrapKey(const BookIds& ids, const v1::WrappedKey& wrapped,
                                    const SecretKey& bucket_key);

}  // namespace turret
