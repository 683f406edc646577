/* The parser of cell names; see cell.h. */
#include "cell.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "placement.h"

struct reader {
    char text[CELL_NAME_MAX + 1]; /* the name, cut at its slashes as it is read */
    char *at;                     /* the rest, NULL at the end */
    char *error;
};

enum { WORDS_MAX = 5 };

struct axis {
    const char *key;
    uint64_t min, max;
    size_t offset; /* of the uint64_t or the word in struct params; unused for the others */
    const char *const words[WORDS_MAX]; /* the values of an axis of words */
};

/* In canonical order. The bounds keep products such as n * 4096 far from
 * overflow; whether the machine can do it is another question. */
static const struct axis axes[] = {
    {"n", 1, 100000000, offsetof(struct params, n), {NULL}},
    {"k", 1, 100000, offsetof(struct params, k), {NULL}},
    {"kib", 1, 1 << 20, offsetof(struct params, kib), {NULL}},
    {"bytes", 1024, UINT64_C(1) << 30, offsetof(struct params, bytes), {NULL}},
    {"p", 1, 1024, offsetof(struct params, p), {NULL}},
    {"c", 1, 100000, offsetof(struct params, c), {NULL}},
    {"cap", 0, 1 << 20, offsetof(struct params, cap), {NULL}},
    {"cs", 0, 1000000, offsetof(struct params, cs), {NULL}},
    {"h", 0, 1024, offsetof(struct params, h), {NULL}},
    {"by", 0, 0, offsetof(struct params, by), {"mutex", "atomic", "owner"}},
    {"delay", 0, 1000000, offsetof(struct params, delay), {NULL}},
    {"load", 0, 0, offsetof(struct params, load), {"25", "50", "80", "max"}},
    {"remedy", 0, 0, 0, {NULL}},
    {"stack", 0, 0, offsetof(struct params, stack), {"small", "64k"}},
    {"temp", 0, 0, 0, {NULL}},
    {"P", 1, PLACEMENT_CPUS_MAX, 0, {NULL}},
    {"place", 0, 0, 0, {NULL}},
};

enum {
    AXIS_REMEDY = 12,
    AXIS_STACK = 13,
    AXIS_TEMP = 14,
    AXIS_P = 15,
    AXIS_PLACE = 16,
    AXIS_COUNT = 17
};

__attribute__((format(printf, 2, 3))) static int refuse(struct reader *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->error, CELL_ERROR_MAX, format, args);
    va_end(args);
    return -EINVAL;
}

/* The next segment, or NULL at the end of the name. */
static char *next_segment(struct reader *r)
{
    char *segment = r->at;

    if (segment)
        r->at = strchr(segment, '/');
    if (r->at)
        *r->at++ = '\0';
    return segment;
}

/* Names reach terminals and logs in messages: nothing but the characters that
 * names are made of may pass. */
static int check_characters(struct reader *r, const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t length = strnlen(name, CELL_NAME_MAX + 1);

    if (length > CELL_NAME_MAX)
        return refuse(r, "the cell name is longer than %d bytes", CELL_NAME_MAX);
    for (size_t i = 0; i < length; i++) {
        if (!strchr(letters, name[i]) && !strchr("0123456789_-:/", name[i]))
            return refuse(r, "byte 0x%02x at position %zu cannot be part of a cell name",
                          (unsigned char)name[i], i + 1);
    }
    return 0;
}

static int find_workload(struct reader *r, const struct workload *const *table, size_t count,
                         struct cell *cell)
{
    const char *group = next_segment(r);
    const char *name = next_segment(r);
    size_t used;

    for (size_t i = 0; name && i < count; i++) {
        const char *slash = strchr(table[i]->name, '/');

        if (strncmp(table[i]->name, group, (size_t)(slash - table[i]->name)) == 0 &&
            group[slash - table[i]->name] == '\0' && strcmp(slash + 1, name) == 0) {
            cell->workload = table[i];
            return 0;
        }
    }
    refuse(r, "no workload '%s%s%s'; there are:", group, name ? "/" : "", name ? name : "");
    for (size_t i = 0; i < count; i++) {
        used = strlen(r->error);
        snprintf(r->error + used, CELL_ERROR_MAX - used, "%s %s", i ? "," : "", table[i]->name);
    }
    return -EINVAL;
}

static bool has_axis(const struct workload *w, const char *key)
{
    const size_t length = strlen(key);

    for (const char *at = w->axes; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        if (strcspn(at, " ") == length && memcmp(at, key, length) == 0)
            return true;
    }
    return false;
}

static int parse_number(struct reader *r, const struct axis *axis, const char *text,
                        uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *c = text;

    for (; *c >= '0' && *c <= '9' && value <= axis->max; c++)
        value = value * 10 + (uint64_t)(*c - '0');
    if (c == text || (*c != '\0' && value <= axis->max) || (text[0] == '0' && text[1] != '\0'))
        return refuse(r, "%s:%s is not a plain decimal number", axis->key, text);
    if (value < axis->min || value > axis->max)
        return refuse(r, "%s:%s is not within %llu and %llu", axis->key, text,
                      (unsigned long long)axis->min, (unsigned long long)axis->max);
    *ret_value = value;
    return 0;
}

static int parse_word(struct reader *r, const struct axis *axis, const char *text, struct params *p)
{
    size_t used;

    for (size_t i = 0; i < WORDS_MAX && axis->words[i]; i++) {
        if (strcmp(axis->words[i], text) == 0) {
            memcpy((char *)p + axis->offset, &axis->words[i], sizeof axis->words[i]);
            return 0;
        }
    }
    refuse(r, "%s:%s is not one of:", axis->key, text);
    for (size_t i = 0; i < WORDS_MAX && axis->words[i]; i++) {
        used = strlen(r->error);
        snprintf(r->error + used, CELL_ERROR_MAX - used, " %s", axis->words[i]);
    }
    return -EINVAL;
}

static int parse_temp(struct reader *r, const char *text, struct params *p)
{
    if (strcmp(text, "warm") != 0 && strcmp(text, "cold") != 0)
        return refuse(r, "temp:%s is neither temp:warm nor temp:cold", text);
    p->cold = text[0] == 'c';
    return 0;
}

static int parse_remedy(struct reader *r, const char *text, struct params *p)
{
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        return refuse(r, "remedy:%s is neither remedy:on nor remedy:off", text);
    p->no_remedy = text[1] == 'f';
    return 0;
}

static int parse_place(struct reader *r, const char *text, struct cell *cell)
{
    const bool pair = cell->workload->flags & WORKLOAD_PAIR;
    const char *place = placement_name(text, pair);

    if (!place)
        return refuse(r, "place:%s is not one of: %s", text, placement_names(pair));
    if (strcmp(place, cell->params.place) == 0)
        return refuse(r, "leave out place:%s, it is what a name without place means", text);
    cell->params.place = place;
    cell->params.pinned = pair;
    return 0;
}

static int parse_value(struct reader *r, size_t axis, const char *text, struct cell *cell)
{
    struct params *p = &cell->params;
    uint64_t value = 0;
    int rc;

    if (axis == AXIS_TEMP)
        return parse_temp(r, text, p);
    if (axis == AXIS_REMEDY)
        return parse_remedy(r, text, p);
    if (axis == AXIS_PLACE)
        return parse_place(r, text, cell);
    if (axes[axis].words[0])
        return parse_word(r, &axes[axis], text, p);
    rc = parse_number(r, &axes[axis], text, &value);
    if (rc == 0 && axis == AXIS_P)
        p->ncpu = (int)value;
    else if (rc == 0)
        memcpy((char *)p + axes[axis].offset, &value, sizeof value);
    return rc;
}

static size_t find_axis(const char *key)
{
    size_t i = 0;

    while (i < AXIS_COUNT && strcmp(axes[i].key, key) != 0)
        i++;
    return i;
}

/* Reads one key:value; `seen` has a bit per axis read so far. */
static int parse_segment(struct reader *r, char *segment, struct cell *cell, unsigned *seen)
{
    const struct workload *w = cell->workload;
    char *colon = strchr(segment, ':');
    size_t axis;

    if (!colon)
        return refuse(r, "'%s' is not key:value; %s has the axes: %s", segment, w->name, w->axes);
    *colon = '\0';
    axis = find_axis(segment);
    if (axis == AXIS_COUNT || !has_axis(w, segment))
        return refuse(r, "%s has no axis '%s'; it has: %s", w->name, segment, w->axes);
    if (*seen >> axis)
        return refuse(r, "axis '%s' is repeated or out of order; the order is: %s", segment,
                      w->axes);
    *seen |= 1u << axis;
    return parse_value(r, axis, colon + 1, cell);
}

static int parse_axes(struct reader *r, struct cell *cell)
{
    const struct workload *w = cell->workload;
    unsigned seen = 0;
    const char *complaint;
    char *segment;

    while ((segment = next_segment(r))) {
        int rc = parse_segment(r, segment, cell, &seen);

        if (rc)
            return rc;
    }
    for (size_t i = 0; i < AXIS_PLACE; i++) {
        if (i != AXIS_STACK && has_axis(w, axes[i].key) && !(seen >> i & 1))
            return refuse(r, "axis '%s' is missing; %s has the axes: %s", axes[i].key, w->name,
                          w->axes);
    }
    complaint = w->check ? w->check(&cell->params) : NULL;
    if (!complaint)
        complaint = placement_check(cell->params.place, cell->params.ncpu);
    return complaint ? refuse(r, "%s", complaint) : 0;
}

int cell_parse(const char *name, const struct workload *const *table, size_t count,
               struct cell *ret_cell, char error[CELL_ERROR_MAX])
{
    struct reader r = {.error = error};
    int rc;

    error[0] = '\0';
    rc = check_characters(&r, name);
    if (rc)
        return rc;
    memset(ret_cell, 0, sizeof *ret_cell);
    strcpy(ret_cell->name, name);
    strcpy(r.text, name);
    r.at = r.text;
    rc = find_workload(&r, table, count, ret_cell);
    if (rc)
        return rc;
    ret_cell->params = (struct params){.n = 1, .k = 1, .p = 1, .c = 1, .ncpu = 1};
    ret_cell->params.place = ret_cell->workload->flags & WORKLOAD_PAIR ? "free" : "none";
    return parse_axes(&r, ret_cell);
}
