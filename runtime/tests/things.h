/* Everything that can be waited for, in one form, so that a test can put the
 * same question to all. */
#ifndef GT_TESTS_THINGS_H
#define GT_TESTS_THINGS_H

#include "common.h"

/* What can be waited for. block() makes that nobody gets it, until wake() is
 * called by the same task. */
struct thing {
    const char *name;
    void (*block)(void);
    int (*wait)(int64_t deadline);
    void (*wake)(void);
    bool stays_open; /* after wake() everybody gets it, else one does */
};

extern const struct thing things[];
#define THINGS 11

/* Before block() of each round. */
void things_begin(void);
/* After each round: what block() made goes. Destroying a channel is fatal
 * while a waiter is left on it. */
void things_end(void);
bool is_group(const struct thing *thing);
bool is_cond(const struct thing *thing);

#endif
