#pragma once

#include <string>
#include <string_view>

#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::job {

// A Job in few bytes: some 400 of an ended one, which takes 1.8 kB as a Job. Nothing is lost. The bytes are for the
// memory of this process only, since another version of the program may order them in another way. Pure.
std::string pack(const Job& job);
// `bytes` come from pack(). Throws std::out_of_range if there are too few of them.
Job unpack(std::string_view bytes);

// For a cache whose readers seldom need ended Jobs: these are packed, unless they are being deleted.
kube::Cache<Job>::Packing packing_of_ended_jobs();

}  // namespace vbrain::job
