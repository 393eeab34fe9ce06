#pragma once

#include <string>

#include "base/time/clock.hpp"

namespace vbrain::http {

// What a certificate says of itself.
struct CertificateFacts {
  base::TimePoint begins;  // valid from then on
  base::TimePoint ends;    // to then
  std::string names = {};  // the hosts that it is for, with commas: "vbrain.example.com, 192.0.2.1"
};

// Why a certificate can't be used at `now`; "" if it can. A clock may be five minutes behind that of the issuer. Pure.
std::string why_unusable(const CertificateFacts& facts, base::TimePoint now);

// True when a fifth of its time is left, or two weeks if that is less: who renews certificates by a program has done so
// before. The alert VBrainCertificateExpiresSoon has the same rule. Pure.
bool expires_soon(const CertificateFacts& facts, base::TimePoint now);

}  // namespace vbrain::http
