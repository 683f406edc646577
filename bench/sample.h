/* What a bench executable prints: one line of JSON on stdout. */
#ifndef GREENBENCH_SAMPLE_H
#define GREENBENCH_SAMPLE_H

#include "run.h"

/* Each returns 0, or -errno when the line could not be written. */
int sample_print(const struct run *r);
int sample_print_pilot(const struct run *r);

#endif
