#pragma once

#include <string>
#include <string_view>

#include "kube/api/error.hpp"

namespace vbrain::controller {

// Why the API server does not take a pod.
struct PodRefusal {
  enum class Kind {
    kTemplate,       // a field is wrong: the same pod is never taken
    kQuota,          // a ResourceQuota is full: the pod is taken when others have ended
    kQuotaTooSmall,  // the pod alone asks for more than the whole ResourceQuota
    kForbidden,      // an admission plugin or a missing right
    kNoAnswer,       // no answer of the API server
    kOther,          // an admission webhook that does not answer, a busy API server
  };
  Kind kind = Kind::kOther;
  std::string message;  // the API server's own words, clean
};

// The texts are those of the admission plugins ResourceQuota and PodSecurity, which have no error codes
// (plugin/pkg/admission/resourcequota, pod-security-admission/admission), and of the decoder. Pure.
PodRefusal classify_refusal(const kube::Error& error);

// The reason of a status for a refusal.
std::string_view reason_of(PodRefusal::Kind kind);

}  // namespace vbrain::controller
