/* The little JSON that a bench executable writes. */
#ifndef GREENBENCH_JSON_H
#define GREENBENCH_JSON_H

#include <stdint.h>
#include <stdio.h>

/* A quoted, escaped string; null for NULL. Bytes that are no ASCII text are
 * written as \u00xx, so that the output is always valid. */
void json_string(FILE *out, const char *text);

/* A finite number in its shortest form of nine digits; null for the others. */
void json_number(FILE *out, double value);

#endif
