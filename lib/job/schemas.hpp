#pragma once

#include <string>

#include "base/result.hpp"
#include "job/application.hpp"
#include "schema/schema.hpp"

namespace vbrain::job {

// Why paramsSchema or resultSchema of the Application can't be used: the detail of the cause InvalidSchema. Empty: both
// can, or there are none. Thread-safe; compiled schemas are kept.
std::string schema_fault(const Application& application);

// The effective params of a job, a JSON text, with the defaults of paramsSchema, or what is wrong with them. Without a
// schema they stay byte for byte. Call it only if schema_fault() is empty. Thread-safe.
Result<std::string, schema::Violations> complete_params(const Application& application, std::string params,
                                                        schema::Work& work);

// The member of job.json that tells the runner the schema of the result, as a JSON object. Pure.
std::string result_schema_member(const Application& application);

}  // namespace vbrain::job
