/* Counting pthread_create and pthread_join, and failing the k-th creation.
 * Link with -Wl,--wrap=pthread_create,--wrap=pthread_join,
 * --wrap=pthread_tryjoin_np. */
#ifndef TB_TESTS_WRAP_H
#define TB_TESTS_WRAP_H

/* Forget the counts; fail creation number `fail_at` (from 1; 0 none) and, if
 * for_ever, all after it, with EAGAIN. */
void wrap_reset(int fail_at, int for_ever);
int wrap_created(void);
int wrap_joined(void);

#endif
