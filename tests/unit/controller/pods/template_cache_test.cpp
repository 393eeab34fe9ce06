#include "controller/pods/template_cache.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/controller/builders.hpp"
#include "unit/controller/pods/built_pod.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::a_template;
using testing::an_application;
using testing::settings;

json template_with_image(const std::string& image) {
  json pod_template = a_template();
  pod_template["spec"]["containers"][0]["image"] = image;
  return pod_template;
}

std::string image_of(const TemplateCache::Prepared& prepared) {
  return prepared ? (*prepared)->spec["containers"][(*prepared)->main]["image"].get<std::string>() : prepared.error();
}

TEST(TemplateCache, PreparesATemplateOnce) {
  TemplateCache cache(settings());
  const auto first = cache.get(an_application());
  ASSERT_TRUE(first) << first.error();
  // Another object of the same version, as after a list.
  EXPECT_EQ(*cache.get(an_application()), *first);
}

TEST(TemplateCache, SeesEachChange) {
  struct Case {
    const char* what;
    void (*change)(job::Application&);
  };
  const Case cases[] = {
      {"a new generation",
       [](job::Application& application) {
         application.meta.generation = 4;
         application.template_json = template_with_image("new").dump();
       }},
      {"the same generation, after a restore of etcd",
       [](job::Application& application) { application.template_json = template_with_image("new").dump(); }},
      {"another Application of the name",
       [](job::Application& application) {
         application.meta.uid = "88888888-2222-3333-4444-555555555555";
         application.template_json = template_with_image("new").dump();
       }},
  };
  for (const Case& c : cases) {
    TemplateCache cache(settings());
    job::Application application = an_application(template_with_image("old"));
    EXPECT_EQ(image_of(cache.get(application)), "old") << c.what;
    c.change(application);
    EXPECT_EQ(image_of(cache.get(application)), "new") << c.what;
    EXPECT_EQ(image_of(cache.get(an_application(template_with_image("old")))), "old") << c.what << ", and back";
  }
}

TEST(TemplateCache, SeesAChangedOutputLimit) {
  TemplateCache cache(settings());
  job::Application application = an_application();
  EXPECT_EQ((*cache.get(application))->output_limit, "");
  application.output_limit = "1Ki";
  EXPECT_EQ((*cache.get(application))->output_limit, "1024");
}

TEST(TemplateCache, KeepsAFaultUntilTheTemplateChanges) {
  TemplateCache cache(settings());
  job::Application application = an_application();
  application.template_json = "[]";
  EXPECT_EQ(image_of(cache.get(application)), "it has no spec");
  EXPECT_EQ(image_of(cache.get(application)), "it has no spec");
  application.template_json = template_with_image("mended").dump();
  EXPECT_EQ(image_of(cache.get(application)), "mended");
}

TEST(TemplateCache, IsBounded) {
  TemplateCache cache(settings());
  const auto numbered = [](std::size_t number) {
    job::Application application = an_application();
    application.meta.uid = std::to_string(number);
    return application;
  };
  const auto first = cache.get(numbered(0));
  const auto second = cache.get(numbered(1));
  for (std::size_t number = 2; number <= TemplateCache::kCapacity; ++number) {
    EXPECT_EQ(*cache.get(numbered(0)), *first) << "the one that is used stays";
    static_cast<void>(cache.get(numbered(number)));
  }
  EXPECT_EQ(*cache.get(numbered(0)), *first);
  EXPECT_NE(*cache.get(numbered(1)), *second) << "the one that was used longest ago is dropped";

  json pod_template = a_template();
  pod_template["metadata"] = {{"annotations", {{"large", std::string(TemplateCache::kLargest, 'x')}}}};
  const auto large = cache.get(an_application(pod_template));
  EXPECT_NE(*cache.get(an_application(pod_template)), *large) << "a large one is not kept";
}

}  // namespace
}  // namespace vbrain::controller
