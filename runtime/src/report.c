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
#include "spinlock.h"
#include "symtab.h"

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

/* An address in a file that is mapped. */
struct place {
    Dl_info info;
    const struct link_map *map;
    uintptr_t offset; /* as the file counts: not from dli_fbase, since the
                       * addresses of some programs are fixed */
};

static bool find_place(const void *address, struct place *ret)
{
    struct link_map *map = NULL;
    if (!dladdr1(address, &ret->info, (void **)&map, RTLD_DL_LINKMAP) || !map ||
        !ret->info.dli_fname)
        return false;
    ret->map = map;
    ret->offset = (uintptr_t)address - (uintptr_t)map->l_addr;
    return true;
}

/* "name", or "name+0x1c"; false if the file does not say. */
static bool function_name(const struct place *p, const void *address, char *buf, size_t size)
{
    char name[96];
    size_t into = 0;
    if (p->info.dli_sname) {
        into = (size_t)((const char *)address - (const char *)p->info.dli_saddr);
        snprintf(name, sizeof name, "%s", p->info.dli_sname);
    } else {
        /* The program itself has no name in its link map. */
        const char *path = p->map->l_name[0] ? p->map->l_name : "/proc/self/exe";
        if (!gti_symtab_find(path, p->offset, name, sizeof name, &into))
            return false;
    }
    snprintf(buf, size, into ? "%s+%#zx" : "%s", name, into);
    return true;
}

static void file_and_offset(const struct place *p, char *buf, size_t size)
{
    const char *slash = strrchr(p->info.dli_fname, '/');
    snprintf(buf, size, "%s+%#zx", slash ? slash + 1 : p->info.dli_fname, (size_t)p->offset);
}

static void describe(const void *address, bool with_file, char *buf, size_t size)
{
    struct place p;
    char name[128], file[128];
    if (!find_place(address, &p)) {
        snprintf(buf, size, "%p", address);
        return;
    }
    file_and_offset(&p, file, sizeof file);
    if (!function_name(&p, address, name, sizeof name))
        snprintf(buf, size, "%s", file);
    else if (with_file)
        snprintf(buf, size, "%s (%s)", name, file);
    else
        snprintf(buf, size, "%s", name);
}

/* A million tasks wait in a few places, and finding a name takes a while. Who
 * finds the cache in use does without it: he may have interrupted its user. */
static struct {
    GTI_ATOMIC(uint32_t) lock;
    struct {
        const void *address;
        bool with_file;
        char text[192];
    } entry[64];
} cache;

static const char *look_up(const void *address, bool with_file, char *buf, size_t size)
{
    unsigned at = (unsigned)((uintptr_t)address ^ (uintptr_t)address >> 6) % 64;
    if (!gti_spin_try_lock(cache.lock)) {
        describe(address, with_file, buf, size);
        return buf;
    }
    if (cache.entry[at].address != address || cache.entry[at].with_file != with_file) {
        describe(address, with_file, cache.entry[at].text, sizeof cache.entry[at].text);
        cache.entry[at].address = address;
        cache.entry[at].with_file = with_file;
    }
    snprintf(buf, size, "%s", cache.entry[at].text);
    gti_spin_unlock(cache.lock);
    return buf;
}

const char *gti_symbol(const void *address, char *buf, size_t size)
{
    return look_up(address, false, buf, size);
}

const char *gti_place(const void *address, char *buf, size_t size)
{
    return look_up(address, true, buf, size);
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
