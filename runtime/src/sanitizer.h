/* What AddressSanitizer and ThreadSanitizer must be told about stacks; nothing
 * in other builds. To ThreadSanitizer a task that has a stack is a fiber. */
#ifndef GTI_SANITIZER_H
#define GTI_SANITIZER_H

#include "base.h"

#if defined(__SANITIZE_ADDRESS__)
#define GTI_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GTI_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define GTI_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define GTI_TSAN 1
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

#ifdef GTI_TSAN
#include <sanitizer/tsan_interface.h>

#define GTI_FIBER                  void *fiber; /* in struct gti_task */
#define gti_san_fiber_create(t)    ((t)->fiber = __tsan_create_fiber(0))
#define gti_san_fiber_of_thread(t) ((t)->fiber = __tsan_get_current_fiber())
/* A task has ended; the next one starts on its stack, or nobody does. */
#define gti_san_fiber_end(w, t)     ((w)->ended_fiber = (t)->fiber)
#define gti_san_fiber_pass_on(w, t) ((t)->fiber = (w)->ended_fiber)
#define gti_san_fiber_destroy(w)    __tsan_destroy_fiber((w)->ended_fiber)
/* A task that never runs again. */
#define gti_san_fiber_abandon(t) __tsan_destroy_fiber((t)->fiber)
/* What one fiber did before the switch happens before what the other does. */
#define gti_san_fiber_switch(to) __tsan_switch_to_fiber((to)->fiber, 0)
#else
#define GTI_FIBER
#define gti_san_fiber_create(t)     ((void)0)
#define gti_san_fiber_of_thread(t)  ((void)0)
#define gti_san_fiber_end(w, t)     ((void)0)
#define gti_san_fiber_pass_on(w, t) ((void)0)
#define gti_san_fiber_destroy(w)    ((void)0)
#define gti_san_fiber_switch(to)    ((void)0)
#endif

#endif
