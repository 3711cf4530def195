#include "node/presence/enrolment_cache.h"

#include <string_view>

#include "absl/memory/memory.h"
#include "fmt/format.h"
#include "storage/base/sealed_box.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr std::string_view kAad = "turret enrolment cache v1";

}  // namespace

EnrolmentCache::EnrolmentCache(Environment& environment, std::string path, SecretKey key, Random& random)
    : environment_(environment),
      path_(std::move(path)),
      key_(std::move(key)),
      random_(random),
      enrolment_(std::make_shared<const v1::Enrolment>()) {}

absl::StatusOr<std::unique_ptr<EnrolmentCache>> EnrolmentCache::Open(Environment& environment,
                                                                     const std::string& path, SecretKey key,
                                                                     Random& random) {
  auto cache = absl::WrapUnique(new EnrolmentCache(environment, path, std::move(key), random));
  const absl::StatusOr<Buffer> box = environment.ReadAll(path);
  if (absl::IsNotFound(box.status())) return cache;
  TURRET_RETURN_IF_ERROR(box.status());
  const absl::StatusOr<Buffer> plaintext = OpenBox(cache->key_, AsBytes(kAad), *box);
  if (!plaintext.ok()) return cache;
  v1::Welcome welcome;
  if (!welcome.ParseFromArray(plaintext->data(), static_cast<int>(plaintext->size()))) return cache;
  absl::MutexLock lock(&cache->mutex_);
  cache->enrolment_ = std::make_shared<const v1::Enrolment>(welcome.enrolment());
  cache->welcome_ = std::move(welcome);
  return cache;
}

absl::Status EnrolmentCache::Update(const v1::Welcome& welcome) {
  TURRET_RETURN_IF_ERROR(LedgerId::FromProto(welcome.ledger_id()).status());
  absl::MutexLock store_lock(&store_mutex_);
  {
    absl::MutexLock lock(&mutex_);
    if (!welcome_.ledger_id().empty() && welcome_.ledger_id() != welcome.ledger_id())
      return absl::FailedPreconditionError(fmt::format(
          "the coordinator names ledger {}, this node records for {}: give it a state directory of its own",
          ToHex(AsBytes(welcome.ledger_id())), ToHex(AsBytes(welcome_.ledger_id()))));
    enrolment_ = std::make_shared<const v1::Enrolment>(welcome.enrolment());
    welcome_ = welcome;
  }
  std::string plaintext = welcome.SerializeAsString();
  const Buffer box = SealBox(key_, AsBytes(kAad), AsBytes(plaintext), random_);
  Wipe(plaintext);
  return environment_.WriteAtomically(path_, box);
}

bool EnrolmentCache::ready() const {
  absl::MutexLock lock(&mutex_);
  return !welcome_.ledger_id().empty() && welcome_.intake_keys_size() > 0;
}

std::shared_ptr<const v1::Enrolment> EnrolmentCache::enrolment() const {
  absl::MutexLock lock(&mutex_);
  return enrolment_;
}

absl::StatusOr<v1::IntakeKey> EnrolmentCache::For(const std::string& day) const {
  absl::MutexLock lock(&mutex_);
  const v1::IntakeKey* newest = nullptr;
  for (const v1::IntakeKey& key : welcome_.intake_keys()) {
    if (key.day() == day) return key;
    if (newest == nullptr || newest->day() < key.day()) newest = &key;
  }
  if (newest == nullptr)
    return absl::NotFoundError("no intake key: the coordinator has not been reached yet");
  return *newest;
}

LedgerId EnrolmentCache::ledger() const {
  absl::MutexLock lock(&mutex_);
  return LedgerId::FromProto(welcome_.ledger_id()).value_or(LedgerId{});
}

}  // namespace turret::node
