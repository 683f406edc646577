/* Counting the futex calls of libtb. Link with -Wl,--wrap=syscall. */
#ifndef TB_TESTS_COUNT_FUTEX_H
#define TB_TESTS_COUNT_FUTEX_H

/* Since the last reset. The C library's own futex calls are not counted. */
void futex_calls_reset(void);
int futex_waits(void);
int futex_wakes(void);

#endif
