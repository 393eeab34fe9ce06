#pragma once

#include <string>

// What people can do about an archive that is refused: the ends of reasons.
namespace vbrain::artifacts {

inline const std::string kPackAgain = "; pack the files again, for example with zip or 7z";
inline const std::string kRename = "; rename it and pack it again";
inline const std::string kPackAsZip = "; pack the files as ZIP";
inline const std::string kPackAsOne = "; pack it as one file";
// The limits of ArchiveLimits are settings of the api-server.
inline const std::string kEntriesSetting = "; the operator's setting is max-archive-entries";
inline const std::string kInflatedSetting = "; the operator's setting is max-inflated-bytes";
inline const std::string kRatioSetting = "; the operator's setting is max-inflate-ratio";

}  // namespace vbrain::artifacts
