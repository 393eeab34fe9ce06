// Which changes of pods put their job into the queue.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "controller/reconcile/job_reconciler.hpp"
#include "unit/controller/builders.hpp"
#include "unit/controller/crowd.hpp"

namespace vbrain::controller {
namespace {

using testing::PodOf;

bool is_news_of(const PodOf& before, const PodOf& now) {
  return is_news({std::make_shared<const kube::Pod>(before.get()), std::make_shared<const kube::Pod>(now.get())});
}

TEST(PodNews, WhatChangesNoDecisionIsNone) {
  EXPECT_FALSE(is_news_of(PodOf(), PodOf()));
  EXPECT_FALSE(is_news_of(PodOf(), PodOf().on_node())) << "bound to its node";
  EXPECT_FALSE(is_news_of(PodOf().on_node(), PodOf().waiting("ContainerCreating"))) << "a normal start";
  EXPECT_FALSE(is_news_of(PodOf().running(), PodOf().running().not_ready())) << "by the kubelet";
}

TEST(PodNews, WhatMayBeAReasonToActIsNews) {
  const auto pod = std::make_shared<const kube::Pod>(PodOf().get());
  EXPECT_TRUE(is_news({nullptr, pod}));
  EXPECT_TRUE(is_news({pod, nullptr}));
  EXPECT_TRUE(is_news_of(PodOf(), PodOf().uid("another")));
  EXPECT_TRUE(is_news_of(PodOf(), PodOf().unschedulable()));
  EXPECT_TRUE(is_news_of(PodOf().unschedulable("1"), PodOf().unschedulable("2")));
  EXPECT_TRUE(is_news_of(PodOf().waiting("ErrImagePull"), PodOf().waiting("ContainerCreating"))) << "it is over";
  EXPECT_TRUE(is_news_of(PodOf(), PodOf().init_running("prepare")));
  EXPECT_TRUE(is_news_of(PodOf().waiting("ContainerCreating"), PodOf().running()));
  EXPECT_TRUE(is_news_of(PodOf().running(), PodOf().running().marked_not_ready()));
  EXPECT_TRUE(is_news_of(PodOf().running(), PodOf().running().stopping()));
  EXPECT_TRUE(is_news_of(PodOf().running(), PodOf().running().disrupted()));
  EXPECT_TRUE(is_news_of(PodOf().running(), PodOf().succeeded()));
  EXPECT_TRUE(is_news_of(PodOf().succeeded(), PodOf().succeeded().finished_at(7))) << "many fields tell the end";
  EXPECT_TRUE(is_news_of(PodOf(), PodOf().failed("Evicted")));
}

TEST(PodNews, ABindingCostsNoPassOverTheJob) {
  testing::Crowd crowd;
  crowd.add_job("a");
  crowd.work();
  crowd.reconciled();
  const std::string pods = "/api/v1/namespaces/vbrain/pods";
  nlohmann::json pod = crowd.api.object(pods + "/" + job::pod_name("a", 1));
  ASSERT_FALSE(pod.is_null());
  pod["spec"]["nodeName"] = "node1";
  crowd.api.put(pods, pod);
  crowd.work();
  EXPECT_THAT(crowd.reconciled(), ::testing::IsEmpty());
  crowd.end_pod("a");
  crowd.work();
  EXPECT_EQ(crowd.phase("a"), "Finished");
}

}  // namespace
}  // namespace vbrain::controller
