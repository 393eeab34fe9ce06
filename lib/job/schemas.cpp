#include "job/schemas.hpp"

namespace vbrain::job {

std::string schema_fault(const Application& application) {
  const auto fault_of = [](const char* field, const std::string& text) {
    const auto schema = text.empty() ? nullptr : schema::compiled(text);
    return schema == nullptr || schema->has_value()
               ? std::string()
               : "spec." + std::string(field) + " can't be used: " + schema->error();
  };
  std::string fault = fault_of("paramsSchema", application.params_schema);
  return fault.empty() ? fault_of("resultSchema", application.result_schema) : fault;
}

Result<std::string, schema::Violations> complete_params(const Application& application, std::string params,
                                                        schema::Work& work) {
  if (application.params_schema.empty()) return params;
  const auto schema = schema::compiled(application.params_schema);
  return schema->value()->complete(std::move(params), work);
}

std::string result_schema_member(const Application& application) {
  return application.result_schema.empty() ? "{}" : R"({"result_schema":)" + application.result_schema + "}";
}

}  // namespace vbrain::job
