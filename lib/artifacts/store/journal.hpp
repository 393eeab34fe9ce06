#pragma once

namespace vbrain::artifacts {

// Whether the file system of an open folder has one ordered journal: an fsync of a new file then makes every change of
// names durable that was made before it, by anybody. True for XFS (fsync forces the log up to the file's last change,
// and with it all older ones) and for ext4 with a journal (jbd2 has one running transaction). False for all others, and
// if it cannot be known. Reads sysfs; call it once.
bool has_ordered_journal(int folder);

}  // namespace vbrain::artifacts
