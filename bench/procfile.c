/* Readers of /proc and cgroup files; see procfile.h. Plain read(2) into the
 * caller's buffer: the memory probe must not allocate while it measures. */
#include "procfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int procfile_read(const char *path, char *text, size_t size)
{
    size_t used = 0;
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    while (used < size - 1) {
        got = read(fd, text + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    if (got < 0)
        got = -errno;
    close(fd);
    text[used] = '\0';
    return got < 0 ? (int)got : (int)used;
}

static bool parse_u64(const char *text, uint64_t *ret_value, const char **ret_end)
{
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *ret_value = strtoull(text, &end, 10);
    *ret_end = end;
    return errno == 0;
}

bool procfile_value(const char *text, const char *key, uint64_t *ret_value)
{
    const size_t length = strlen(key);
    const char *end;

    for (const char *line = text; line; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, key, length) != 0 || !strchr(" :\t", line[length]))
            continue;
        line += length;
        line += strspn(line, ": \t");
        if (!parse_u64(line, ret_value, &end))
            return false;
        if (strncmp(end, " kB", 3) == 0)
            *ret_value *= 1024;
        return true;
    }
    return false;
}

bool procfile_number(const char *path, uint64_t *ret_value)
{
    char text[64];
    const char *end;

    return procfile_read(path, text, sizeof text) > 0 && parse_u64(text, ret_value, &end);
}

/* Lines are "id:controllers:/path"; the unified hierarchy's is "0::/path". */
static bool names_controller(const char *line, const char *controller)
{
    const char *names = strchr(line, ':');
    const char *end = names ? strchr(names + 1, ':') : NULL;

    if (!end)
        return false;
    names++;
    if (!controller)
        return end == names;
    while (names < end) {
        const size_t length = strcspn(names, ",:");

        if (length == strlen(controller) && memcmp(names, controller, length) == 0)
            return true;
        names += length + 1;
    }
    return false;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Inside a container the path in /proc/self/cgroup may be that of the host
 * while only the own cgroup is mounted; then the mount point itself is it. */
static bool join(const char *mount, const char *path, size_t length, char *out, size_t size)
{
    const size_t base = strlen(mount);

    if (base + length >= size)
        return false;
    memcpy(out, mount, base);
    memcpy(out + base, path, length);
    out[base + length] = '\0';
    if (!exists(out))
        out[base] = '\0';
    return exists(out);
}

bool procfile_cgroup(const char *proc_cgroup, const char *controller, char *path, size_t size)
{
    char mount[64] = "/sys/fs/cgroup";

    if (controller)
        snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", controller);
    else if (exists("/sys/fs/cgroup/unified"))
        strcpy(mount, "/sys/fs/cgroup/unified");
    for (const char *line = proc_cgroup; line && *line;
         line = strchr(line, '\n'), line += line != NULL) {
        if (names_controller(line, controller)) {
            const char *at = strchr(strchr(line, ':') + 1, ':') + 1;

            return join(mount, at, strcspn(at, "\n"), path, size);
        }
    }
    return false;
}
