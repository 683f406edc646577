/* See memcg.h. */
#include "memcg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "procfile.h"

static bool file_in(char *path, size_t size, const char *directory, const char *name)
{
    return snprintf(path, size, "%s/%s", directory, name) < (int)size;
}

/* Writing 0 to cgroup.procs moves the writer. */
static bool move_to(const char *directory)
{
    char path[640];
    bool moved;
    int fd;

    if (!file_in(path, sizeof path, directory, "cgroup.procs"))
        return false;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    moved = write(fd, "0\n", 2) == 2;
    close(fd);
    return moved;
}

/* Children account for memory only if the parent hands the controller down. */
static bool hands_down_memory(const char *directory)
{
    char path[640], text[512];

    return file_in(path, sizeof path, directory, "cgroup.subtree_control") &&
           procfile_read(path, text, sizeof text) > 0 && strstr(text, "memory") != NULL;
}

static bool find_own(char *path, size_t size)
{
    char text[PROCFILE_MAX];

    return procfile_read("/proc/self/cgroup", text, sizeof text) > 0 &&
           procfile_cgroup(text, NULL, path, size);
}

bool memcg_enter(struct memcg *m, const char *own)
{
    uint64_t stack, slab;

    m->active = false;
    if (own ? snprintf(m->parent, sizeof m->parent, "%s", own) >= (int)sizeof m->parent
            : !find_own(m->parent, sizeof m->parent))
        return false;
    if (!hands_down_memory(m->parent))
        return false;
    snprintf(m->child, sizeof m->child, "%s/greenbench-%ld", m->parent, (long)getpid());
    if (mkdir(m->child, 0755) != 0)
        return false;
    m->active = true;
    if (memcg_read(m, &stack, &slab) && move_to(m->child))
        return true;
    memcg_leave(m);
    return false;
}

void memcg_leave(struct memcg *m)
{
    if (!m->active)
        return;
    move_to(m->parent);
    rmdir(m->child);
    m->active = false;
}

bool memcg_parse(const char *stat, uint64_t *ret_kernel_stack, uint64_t *ret_slab)
{
    return procfile_value(stat, "kernel_stack", ret_kernel_stack) &&
           procfile_value(stat, "slab", ret_slab);
}

bool memcg_read(const struct memcg *m, uint64_t *ret_kernel_stack, uint64_t *ret_slab)
{
    char path[640], text[PROCFILE_MAX];

    return m->active && file_in(path, sizeof path, m->child, "memory.stat") &&
           procfile_read(path, text, sizeof text) > 0 &&
           memcg_parse(text, ret_kernel_stack, ret_slab);
}
