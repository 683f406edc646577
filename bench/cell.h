/* Cell names: "<group>/<case>/<key:value>/...".
 *
 * A cell has one name. Keys come in the order n, k, kib, bytes, p, c, cap, cs,
 * h, by, delay, load, remedy, stack, temp, P, place; numbers are plain
 * decimals; every axis of the workload is present except `place`, which is left
 * out where it is "free" (pairs) or "none" (pools), and `stack`, which is left
 * out where it is the backend's default. Anything else is refused, so that equal
 * cells have equal names in every stored file.
 */
#ifndef GREENBENCH_CELL_H
#define GREENBENCH_CELL_H

#include <stddef.h>

#include "workload.h"

enum {
    CELL_NAME_MAX = 200,   /* bytes, without the terminator */
    CELL_ERROR_MAX = 1024, /* room for a message that lists every workload */
};

struct cell {
    char name[CELL_NAME_MAX + 1];
    const struct workload *workload;
    struct params params;
};

/* 0 or -EINVAL, with one line in `error` that says what was expected. The
 * table is a parameter so that the parser can be tested on its own. */
int cell_parse(const char *name, const struct workload *const *table, size_t count,
               struct cell *ret_cell, char error[CELL_ERROR_MAX]);

#endif
