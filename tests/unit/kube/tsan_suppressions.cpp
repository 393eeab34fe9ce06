// The HTTP library is not built with ThreadSanitizer, so TSan does not see that its reference counts order the
// deletions. Only frames of that library are suppressed.
#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:pplx::details::\nrace:libcpprest.so\n";
}
#endif
