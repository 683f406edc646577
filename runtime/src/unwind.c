/* See unwind.h. What a table says is in the DWARF standard, section 6.4, and
 * the Linux Standard Base, "Exception Frames". */
#include "unwind.h"

#include <string.h>

#include "os_linux.h"

#define REGS       GTI_DWARF_REGS
#define REMEMBERED 4

/* libgcc's, for exceptions and backtrace(): finds the table of a function. */
struct dwarf_eh_bases {
    void *text, *data, *function;
};
extern const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *bases);

enum how { SAME, UNKNOWN, SAVED, IN_REGISTER };

struct rule {
    uint8_t how; /* enum how */
    int32_t at;  /* SAVED: distance from the frame's address; or a register */
};

struct row {
    bool has_frame;
    uint32_t frame_reg; /* the frame's address is this register ... */
    int64_t frame_add;  /* ... plus this */
    struct rule reg[REGS];
};

/* The program that makes the row for an address. */
struct table {
    const uint8_t *cie_code, *cie_end, *fde_code, *fde_end;
    uint64_t code_align;
    int64_t data_align;
    uint32_t return_reg;
    uintptr_t start;
};

struct machine {
    struct row row, first, remembered[REMEMBERED];
    int depth;
};

/* ---- numbers ------------------------------------------------------------------- */

static uint64_t uleb(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        if (!(byte & 0x80))
            return value;
    }
}

static int64_t sleb(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;;) {
        uint8_t byte = *(*at)++;
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        shift += 7;
        if (!(byte & 0x80))
            return (int64_t)(byte & 0x40 && shift < 64 ? value | ~(uint64_t)0 << shift : value);
    }
}

static uint64_t fixed(const uint8_t **at, size_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, *at, bytes); /* little-endian, as both architectures are */
    *at += bytes;
    return value;
}

/* Bytes of a pointer in that encoding; 0 if it has no fixed size. */
static size_t encoded_size(uint8_t encoding)
{
    static const uint8_t sizes[8] = {8, 0, 2, 4, 8, 0, 0, 0};
    return sizes[encoding & 7];
}

/* ---- tables -------------------------------------------------------------------- */

/* The part of a CIE that its augmentation announces; the encoding of the
 * FDE's addresses, or -1. */
static int address_encoding(const char *augmentation, const uint8_t *at)
{
    int encoding = 0;
    for (const char *c = augmentation + 1; *c; c++)
        switch (*c) {
        case 'R':
            encoding = *at++;
            break;
        case 'L':
            at++;
            break;
        case 'P': {
            size_t size = encoded_size(*at++);
            if (size == 0)
                return -1;
            at += size;
            break;
        }
        case 'S':
        case 'B':
            break;
        default:
            return -1;
        }
    return encoding;
}

static bool read_table(const uint8_t *fde, struct table *t)
{
    const uint8_t *at = fde;
    uint32_t length = (uint32_t)fixed(&at, 4);
    const uint8_t *cie = at - (uint32_t)fixed(&at, 4);
    const uint8_t *in_fde = at;
    t->fde_end = fde + 4 + length;
    at = cie;
    length = (uint32_t)fixed(&at, 4);
    t->cie_end = cie + 4 + length;
    at += 4; /* the mark of a CIE */
    uint8_t version = *at++;
    const char *augmentation = (const char *)at;
    at += strlen(augmentation) + 1;
    if (augmentation[0] != 'z')
        return false;
    t->code_align = uleb(&at);
    t->data_align = sleb(&at);
    t->return_reg = version == 1 ? *at++ : (uint32_t)uleb(&at);
    uint64_t announced = uleb(&at);
    int encoding = address_encoding(augmentation, at);
    t->cie_code = at + announced;
    if (encoding < 0 || encoded_size((uint8_t)encoding) == 0 || t->return_reg >= REGS)
        return false;
    in_fde += 2 * encoded_size((uint8_t)encoding);
    announced = uleb(&in_fde);
    t->fde_code = in_fde + announced;
    return true;
}

static bool find_table(uintptr_t pc, struct table *t)
{
    struct dwarf_eh_bases bases;
    const uint8_t *fde = _Unwind_Find_FDE((void *)pc, &bases);
    if (!fde || !read_table(fde, t))
        return false;
    t->start = (uintptr_t)bases.function;
    return true;
}

/* ---- the row for an address ------------------------------------------------------ */

static void set(struct machine *m, uint64_t reg, enum how how, int64_t at)
{
    if (reg < REGS)
        m->row.reg[reg] = (struct rule){(uint8_t)how, (int32_t)at};
}

static void restore(struct machine *m, uint64_t reg)
{
    if (reg < REGS)
        m->row.reg[reg] = m->first.reg[reg];
}

static void set_frame(struct machine *m, uint64_t reg, int64_t add)
{
    m->row.has_frame = reg < REGS;
    m->row.frame_reg = (uint32_t)reg;
    m->row.frame_add = add;
}

static void skip_expression(const uint8_t **at)
{
    uint64_t bytes = uleb(at);
    *at += bytes;
}

static bool remember(struct machine *m)
{
    if (m->depth == REMEMBERED)
        return false;
    m->remembered[m->depth++] = m->row;
    return true;
}

static bool recall(struct machine *m)
{
    if (m->depth == 0)
        return false;
    m->row = m->remembered[--m->depth];
    return true;
}

/* One of the instructions that say where a register is; false if it is none of
 * those known. */
static bool step(struct machine *m, const struct table *t, uint8_t op, const uint8_t **at)
{
    uint64_t reg;
    switch (op) {
    case 0x00: /* nop */
    case 0x2d: /* signed return addresses: they are not used here */
        return true;
    case 0x05: /* offset_extended */
        reg = uleb(at);
        set(m, reg, SAVED, (int64_t)uleb(at) * t->data_align);
        return true;
    case 0x06: /* restore_extended */
        restore(m, uleb(at));
        return true;
    case 0x07: /* undefined */
        set(m, uleb(at), UNKNOWN, 0);
        return true;
    case 0x08: /* same_value */
        set(m, uleb(at), SAME, 0);
        return true;
    case 0x09: /* register */
        reg = uleb(at);
        set(m, reg, IN_REGISTER, (int64_t)uleb(at));
        return true;
    case 0x0a: /* remember_state */
        return remember(m);
    case 0x0b: /* restore_state */
        return recall(m);
    case 0x0c: /* def_cfa */
        reg = uleb(at);
        set_frame(m, reg, (int64_t)uleb(at));
        return true;
    case 0x0d: /* def_cfa_register */
        set_frame(m, uleb(at), m->row.frame_add);
        return true;
    case 0x0e: /* def_cfa_offset */
        m->row.frame_add = (int64_t)uleb(at);
        return true;
    case 0x0f: /* def_cfa_expression */
        m->row.has_frame = false;
        skip_expression(at);
        return true;
    case 0x10: /* expression */
    case 0x16: /* val_expression */
        set(m, uleb(at), UNKNOWN, 0);
        skip_expression(at);
        return true;
    case 0x11: /* offset_extended_sf */
        reg = uleb(at);
        set(m, reg, SAVED, sleb(at) * t->data_align);
        return true;
    case 0x12: /* def_cfa_sf */
        reg = uleb(at);
        set_frame(m, reg, sleb(at) * t->data_align);
        return true;
    case 0x13: /* def_cfa_offset_sf */
        m->row.frame_add = sleb(at) * t->data_align;
        return true;
    case 0x2e: /* GNU_args_size */
        uleb(at);
        return true;
    default:
        return false;
    }
}

/* Run the instructions that apply before `pc`. */
static bool run(struct machine *m, const struct table *t, const uint8_t *at, const uint8_t *end,
                uintptr_t pc)
{
    uintptr_t where = t->start;
    while (at < end) {
        uint8_t op = *at++, low = op & 0x3f;
        uint64_t advance = 0;
        if (op >> 6 == 1)
            advance = low;
        else if (op >> 6 == 2)
            set(m, low, SAVED, (int64_t)uleb(&at) * t->data_align);
        else if (op >> 6 == 3)
            restore(m, low);
        else if (op >= 0x02 && op <= 0x04) /* advance_loc1, 2, 4 */
            advance = fixed(&at, (size_t)1 << (op - 2));
        else if (!step(m, t, op, &at))
            return false;
        where += advance * t->code_align;
        if (where > pc)
            return true;
    }
    return true;
}

/* ---- walking ----------------------------------------------------------------------- */

struct walk {
    uint64_t copy[GTI_UNWIND_BYTES / sizeof(uint64_t)];
    uintptr_t low, high; /* what the copy is of; */
    uintptr_t top;       /* the stack goes on to here */
    uint64_t reg[REGS];
    struct table table;
    struct machine machine;
};

static bool load(const struct walk *w, uintptr_t from, uint64_t *ret)
{
    if (from < w->low || from > w->top || w->top - from < sizeof *ret)
        return false;
    if (from + sizeof *ret > w->high)
        return gti_os_peek(ret, (const void *)from, sizeof *ret) == sizeof *ret;
    memcpy(ret, (const char *)w->copy + (from - w->low), sizeof *ret);
    return true;
}

static bool begin(struct walk *w, const void *sp, const void *top)
{
    static const uint8_t saved[] = GTI_DWARF_SAVED;
    size_t bytes = (size_t)((const char *)top - (const char *)sp);
    if (sp >= top || bytes < sizeof(uint64_t) * GTI_CONTEXT_FRAME_WORDS)
        return false;
    w->low = (uintptr_t)sp;
    w->top = (uintptr_t)top;
    w->high = w->low + gti_os_peek(w->copy, sp, bytes < sizeof w->copy ? bytes : sizeof w->copy);
    for (size_t i = 0; i < sizeof saved; i++)
        if (!load(w, w->low + i * sizeof(uint64_t), &w->reg[saved[i]]))
            return false;
    w->reg[GTI_DWARF_SP] = w->low + sizeof(uint64_t) * GTI_CONTEXT_FRAME_WORDS;
    w->reg[GTI_DWARF_PC] = w->reg[GTI_DWARF_RETURN];
    return true;
}

/* From a function that is at `pc`, and has this table, to its caller; false at
 * the end. */
static bool to_caller(struct walk *w, uintptr_t pc)
{
    struct machine *m = &w->machine;
    uint64_t next[REGS];
    memset(m, 0, sizeof *m);
    if (!run(m, &w->table, w->table.cie_code, w->table.cie_end, UINTPTR_MAX))
        return false;
    m->first = m->row;
    if (!run(m, &w->table, w->table.fde_code, w->table.fde_end, pc) || !m->row.has_frame)
        return false;
    uint64_t frame = w->reg[m->row.frame_reg] + (uint64_t)m->row.frame_add;
    if (m->row.reg[w->table.return_reg].how == UNKNOWN)
        return false; /* the outermost */
    for (uint32_t r = 0; r < REGS; r++) {
        struct rule rule = m->row.reg[r];
        next[r] = rule.how == SAME ? w->reg[r] : 0;
        if (rule.how == SAVED && !load(w, frame + (uint64_t)(int64_t)rule.at, &next[r]))
            return false;
        if (rule.how == IN_REGISTER && (uint32_t)rule.at < REGS)
            next[r] = w->reg[rule.at];
    }
    bool goes_up = frame >= w->reg[GTI_DWARF_SP];
    memcpy(w->reg, next, sizeof next);
    w->reg[GTI_DWARF_SP] = frame;
    w->reg[GTI_DWARF_PC] = next[w->table.return_reg];
    return goes_up;
}

/* Below these there is nothing of the program. */
static bool is_bottom(const struct table *t)
{
    return t->start == (uintptr_t)&gti_task_main || t->start == (uintptr_t)&gti_context_entry;
}

int gti_unwind(const void *sp, const void *top, const void **ret_at)
{
    struct walk w;
    int n = 0;
    memset(w.reg, 0, sizeof w.reg);
    if (!begin(&w, sp, top))
        return 0;
    while (n < GTI_UNWIND_FRAMES && w.reg[GTI_DWARF_PC]) {
        /* The call, not what follows it: that may have another row. */
        uintptr_t pc = (uintptr_t)w.reg[GTI_DWARF_PC] - 1;
        bool has_table = find_table(pc, &w.table);
        if (has_table && is_bottom(&w.table))
            break;
        ret_at[n++] = (const void *)pc;
        if (!has_table || !to_caller(&w, pc))
            break;
    }
    return n;
}
