/* See report.h. */
#include "report.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os_linux.h"

#define LINE    512
#define GIVE_UP 1000 /* ms */

/* ---- writing ---------------------------------------------------------------- */

int gti_report_flush(struct gti_report *r)
{
    size_t done = 0;
    while (done < r->used && !r->err) {
        ssize_t n = write(r->fd, r->text + done, r->used - done);
        struct pollfd p = {.fd = r->fd, .events = POLLOUT};
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            r->err = poll(&p, 1, GIVE_UP) > 0 ? 0 : -EAGAIN;
        else if (errno != EINTR)
            r->err = -errno;
    }
    r->used = 0;
    return r->err;
}

void gti_say(struct gti_report *r, const char *format, ...)
{
    va_list args;
    if (r->used + LINE > sizeof r->text)
        gti_report_flush(r);
    va_start(args, format);
    int n = vsnprintf(r->text + r->used, LINE, format, args);
    va_end(args);
    if (n > 0)
        r->used += n < LINE ? (size_t)n : LINE - 1;
}

/* ---- names ------------------------------------------------------------------- */

const char *gti_symbol(const void *address, char *buf, size_t size)
{
    Dl_info info;
    struct link_map *map = NULL;
    if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !info.dli_fname || !map) {
        snprintf(buf, size, "%p", address);
        return buf;
    }
    const char *at = address;
    if (info.dli_sname) {
        size_t offset = (size_t)(at - (const char *)info.dli_saddr);
        snprintf(buf, size, offset ? "%s+%#zx" : "%s", info.dli_sname, offset);
        return buf;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    /* Not dli_fbase: the addresses of a program that is not position
     * independent are those of its file. */
    snprintf(buf, size, "%s+%#zx", slash ? slash + 1 : info.dli_fname,
             (size_t)((uintptr_t)at - (uintptr_t)map->l_addr));
    return buf;
}

const char *gti_peek_string(const char *from, char *buf, size_t size)
{
    size_t n = 0, page = gti_os_page_size();
    while (n + 1 < size) {
        /* A page at a time: the string may be the last thing before a hole. */
        size_t want = page - ((uintptr_t)(from + n) & (page - 1));
        want = want < size - 1 - n ? want : size - 1 - n;
        size_t got = gti_os_peek(buf + n, from + n, want);
        const char *end = memchr(buf + n, '\0', got);
        n = end ? (size_t)(end - buf) : n + got;
        if (end || got < want)
            break;
    }
    buf[n] = '\0';
    for (char *c = buf; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            *c = '?';
    return buf;
}
