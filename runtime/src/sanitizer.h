/* What AddressSanitizer must be told about stacks; nothing in other builds. */
#ifndef GTI_SANITIZER_H
#define GTI_SANITIZER_H

#include "base.h"

#if defined(__SANITIZE_ADDRESS__)
#define GTI_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GTI_ASAN 1
#endif
#endif

#ifdef GTI_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* About to leave the current stack for [bottom, bottom + size). `fake` keeps
 * the leaver's fake stack; NULL when it never comes back. */
#define gti_san_leave(fake, bottom, size) __sanitizer_start_switch_fiber(fake, bottom, size)
#define gti_san_enter(fake)               __sanitizer_finish_switch_fiber(fake, NULL, NULL)
/* A stack starts a new life, or its memory goes: forget old red zones. */
#define gti_san_stack_forget(base, size) __asan_unpoison_memory_region(base, size)
#else
#define gti_san_leave(fake, bottom, size) ((void)0)
#define gti_san_enter(fake)               ((void)0)
#define gti_san_stack_forget(base, size)  ((void)(base), (void)(size))
#endif

#endif
