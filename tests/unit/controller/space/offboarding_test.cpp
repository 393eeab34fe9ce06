#include "unit/controller/space/offboarding_world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;
using Kind = kube::ReconcileResult::Kind;

TEST(ClientRules, PurgeOnlyWhatWasConfirmedAndDeleted) {
  const struct {
    const char* what;
    ClientFacts facts;
    ClientCare want;
  } cases[] = {
      {"an ordinary Client", {}, ClientCare::kNone},
      {"annotated", {.confirmed = true}, ClientCare::kHold},
      {"annotated and held", {.confirmed = true, .held = true}, ClientCare::kNone},
      {"the annotation was removed", {.held = true}, ClientCare::kRelease},
      {"deleted without annotation", {.deleted = true}, ClientCare::kNone},
      {"annotated after the deletion", {.confirmed = true, .deleted = true}, ClientCare::kNone},
      {"annotated during an uninstall", {.confirmed = true, .uninstall = true}, ClientCare::kNone},
      {"confirmed and deleted just now", {.confirmed = true, .held = true, .deleted = true}, ClientCare::kWait},
      {"confirmed and deleted",
       {.confirmed = true, .held = true, .deleted = true, .settled = true},
       ClientCare::kPurge},
      {"the tenant was made anew",
       {.confirmed = true, .held = true, .deleted = true, .has_newer = true, .settled = true},
       ClientCare::kRelease},
      {"taken back after the deletion", {.held = true, .deleted = true, .settled = true}, ClientCare::kRelease},
      {"another Client has the tenant",
       {.confirmed = true, .held = true, .deleted = true, .has_peer = true, .settled = true},
       ClientCare::kRelease},
      {"everything is being uninstalled",
       {.confirmed = true, .held = true, .deleted = true, .uninstall = true, .settled = true},
       ClientCare::kRelease},
  };
  for (const auto& c : cases) EXPECT_EQ(judge_client(c.facts), c.want) << c.what;
}

TEST_F(OffboardingTest, AConfirmedAndDeletedClientTakesItsTenantsFilesAlong) {
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(is_held());
  EXPECT_TRUE(has_files(kNorth)) << "the annotation alone removes nothing";
  remove();
  EXPECT_EQ(settle(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(has_files(kNorth));
  EXPECT_TRUE(has_files(kSouth));
  ASSERT_EQ(discarded_.size(), 3U);
  EXPECT_EQ(discarded_.back(), "");
}

TEST_F(OffboardingTest, JobsGoBeforeTheirFiles) {
  put_job("job-1", "north");
  put_job("job-2", "south");
  reconcile();
  remove();
  EXPECT_EQ(settle(), Kind::kAfter);
  EXPECT_TRUE(resource("job-1").at("metadata").contains("deletionTimestamp"));
  EXPECT_FALSE(resource("job-2").at("metadata").contains("deletionTimestamp"));
  EXPECT_TRUE(has_files(kNorth));
  EXPECT_TRUE(is_held());
  // The reconciler has purged the folder.
  EXPECT_TRUE(kube_.patch(job::Job::kType, "vbrain", "job-1", {{"metadata", {{"finalizers", nullptr}}}}));
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_FALSE(has_files(kNorth));
}

TEST_F(OffboardingTest, OtherValuesAndDeletionsWithoutTheAnnotationRemoveNothing) {
  for (const char* value : {"", "Confirm", "confirm ", "true", "yes"}) {
    put_client("north", "north", value);
    EXPECT_EQ(reconcile(), Kind::kOk);
    EXPECT_FALSE(is_held()) << value;
  }
  remove();
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, TheAnnotationMayBeTakenBack) {
  reconcile();
  ASSERT_TRUE(is_held());
  EXPECT_TRUE(kube_.patch(job::Client::kType, "vbrain", "north", {{"metadata", {{"annotations", nullptr}}}}));
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_FALSE(is_held());
  remove();
  reconcile();
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, TheLastClientOfATenantDecides) {
  put_client("north-2", "north");
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AnUninstallPurgesNobody) {
  for (const char* definition : {"jobs", "clients"}) {
    put_client("north", "north", "confirm");
    wire_.going = "";
    reconcile();
    ASSERT_TRUE(is_held());
    remove();
    wire_.going = definition;
    EXPECT_EQ(reconcile(), Kind::kOk);
    EXPECT_TRUE(client("north").is_null()) << definition;
    EXPECT_TRUE(has_files(kNorth)) << definition;
  }
}

TEST_F(OffboardingTest, AClientIsNotHeldDuringAnUninstall) {
  for (const char* what : {"jobs", "clients", "namespace"}) {
    wire_.going = what;
    EXPECT_EQ(reconcile(), Kind::kOk) << what;
    EXPECT_FALSE(is_held()) << what;
  }
}

// The Role may go before the namespace is marked.

TEST_F(OffboardingTest, WithoutTheRightToReadTheNamespaceNothingIsPurged) {
  reconcile();
  remove();
  EXPECT_EQ(reconcile(), Kind::kAfter);
  clock_.advance(30s);
  wire_.going = "role";
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  EXPECT_TRUE(has_files(kNorth));
  EXPECT_TRUE(is_held());
}

TEST_F(OffboardingTest, AClientThatCannotBeDecodedKeepsTheFilesOfItsTenant) {
  reconcile();
  remove();
  json other = {{"metadata", {{"name", "odd"}, {"namespace", "vbrain"}}},
                {"spec", {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", "north"}}}};
  other["spec"]["members"] = "none";
  api_.put(kClients, other);
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(client("north").is_null());
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, TheDeletionOfTheNamespacePurgesNobody) {
  reconcile();
  remove();
  wire_.going = "namespace";
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AClientThatIsOnlyAbsentPurgesNothing) {
  reconcile();
  // etcd was restored from a backup.
  api_.erase(std::string(kClients) + "/north");
  EXPECT_EQ(reconcile(), Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AStaleCachePurgesNothing) {
  reconcile();
  remove();
  sync();
  EXPECT_TRUE(kube_.patch(job::Client::kType, "vbrain", "north", {{"metadata", {{"annotations", nullptr}}}}));
  EXPECT_EQ(offboarding_.reconcile("north", {}).kind, Kind::kOk);
  EXPECT_TRUE(has_files(kNorth));
}

TEST_F(OffboardingTest, AControllerThatDoesNotLeadPurgesNothing) {
  reconcile();
  remove();
  leading_ = false;
  EXPECT_EQ(reconcile(), Kind::kRetryable);
  EXPECT_TRUE(has_files(kNorth));
  EXPECT_TRUE(is_held());
}

// Many deletions take long, and somebody may change his mind meanwhile.

// An upload that was under way is published while the pods of the tenant end.

// An older leader that hung on the volume wakes up after another one finished.

}  // namespace
}  // namespace vbrain::controller
