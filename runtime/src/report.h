/* What reports have in common: lines to a descriptor, names of addresses,
 * strings that may be gone by now. No heap, so that it works in a signal
 * handler and when there is no memory. */
#ifndef GTI_REPORT_H
#define GTI_REPORT_H

#include "base.h"

/* Text on its way to a descriptor. */
struct gti_report {
    int fd;
    int err; /* 0, or -errno of the write that failed: the rest is dropped */
    size_t used;
    char text[2048];
};

GTI_INLINE void gti_report_open(struct gti_report *r, int fd)
{
    r->fd = fd;
    r->err = 0;
    r->used = 0;
}

/* At most 511 bytes at a time. */
void gti_say(struct gti_report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Write what is left; r->err. A descriptor that takes nothing for a second
 * counts as failed. */
int gti_report_flush(struct gti_report *r);

/* A function, or an address in one, as text in buf[size]: "name", "name+0x1c",
 * or if the file has no symbols "file+0x1234", which addr2line understands.
 * Returns buf. */
const char *gti_symbol(const void *address, char *buf, size_t size);
/* The same with both: "name+0x1c (file+0x1234)". */
const char *gti_place(const void *address, char *buf, size_t size);

/* Copy a string that somebody may have freed; what cannot be read is left out.
 * Control characters become '?'. Returns buf. */
const char *gti_peek_string(const char *from, char *buf, size_t size);

#endif
