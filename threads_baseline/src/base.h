/* Shared by all of libtb: fatal checks and the configuration of the run. */
#ifndef TBI_BASE_H
#define TBI_BASE_H

#include "tb/tb.h"

/* For calls that fail only if an invariant is broken: prints one line and
 * aborts unless error is 0. */
void tbi_check(int error, const char *what);

/* Validate and copy the configuration; one at a time. */
int tbi_config_enter(const struct tb_config *config);
void tbi_config_leave(void);

/* Run fn(arg) on a fresh default thread and join it. */
int tbi_run_root(tb_fn root, void *arg);

/* Of the current run; 1 and 0 outside of one. */
int tbi_config_ncpu(void);
int64_t tbi_config_spin_ns(void);

#endif
