/* See wrap.h. */
#include "wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_uint failing;
static atomic_int fail_at, calls, failures;
static atomic_bool ever;
static atomic_long blocks, mapped;
static void (*_Atomic before_close)(int fd);

void wrap_arm(unsigned what, int at, bool for_ever)
{
    atomic_store(&failing, 0);
    atomic_store(&calls, 0);
    atomic_store(&failures, 0);
    atomic_store(&fail_at, at);
    atomic_store(&ever, for_ever);
    atomic_store(&failing, at ? what : 0);
}

bool wrap_fired(void)
{
    return atomic_load(&failures) > 0;
}

long wrap_blocks(void)
{
    return atomic_load(&blocks);
}

long wrap_mapped(void)
{
    return atomic_load(&mapped);
}

static bool fails(enum wrap_what what)
{
    if (!(atomic_load(&failing) & (unsigned)what))
        return false;
    int n = atomic_fetch_add(&calls, 1) + 1, at = atomic_load(&fail_at);
    if (n != at && !(n > at && atomic_load(&ever)))
        return false;
    atomic_fetch_add(&failures, 1);
    return true;
}

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add(&blocks, 1);
    else
        errno = ENOMEM;
    return block;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return counted(fails(WRAP_MALLOC) ? NULL : __real_malloc(size));
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return counted(fails(WRAP_MALLOC) ? NULL : __real_calloc(n, size));
}

void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size)
{
    return counted(fails(WRAP_MALLOC) ? NULL : __real_aligned_alloc(align, size));
}

void __real_free(void *block);
void __wrap_free(void *block);
void __wrap_free(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    __real_free(block);
}

/* With 64-bit file offsets mmap() is the symbol mmap64. */
void *__real_mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
    if (fails(WRAP_MMAP)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *base = __real_mmap64(addr, length, prot, flags, fd, offset);
    if (base != MAP_FAILED)
        atomic_fetch_add(&mapped, (long)length);
    return base;
}

int __real_munmap(void *addr, size_t length);
int __wrap_munmap(void *addr, size_t length);
int __wrap_munmap(void *addr, size_t length)
{
    int result = __real_munmap(addr, length);
    if (result == 0)
        atomic_fetch_sub(&mapped, (long)length);
    return result;
}

int __real_madvise(void *addr, size_t length, int advice);
int __wrap_madvise(void *addr, size_t length, int advice);
int __wrap_madvise(void *addr, size_t length, int advice)
{
    if (fails(WRAP_MADVISE)) {
        errno = EAGAIN;
        return -1;
    }
    return __real_madvise(addr, length, advice);
}

int __real_mprotect(void *addr, size_t length, int prot);
int __wrap_mprotect(void *addr, size_t length, int prot);
int __wrap_mprotect(void *addr, size_t length, int prot)
{
    if (fails(WRAP_MPROTECT)) {
        errno = ENOMEM;
        return -1;
    }
    return __real_mprotect(addr, length, prot);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg)
{
    return fails(WRAP_THREAD) ? EAGAIN : __real_pthread_create(thread, attr, fn, arg);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list args;
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_membarrier && fails(WRAP_MEMBARRIER)) {
        errno = ENOSYS;
        return -1;
    }
    bool guards = false;
#ifdef SYS_process_madvise
    guards = number == SYS_process_madvise || number == SYS_pidfd_open;
#endif
    if (guards && fails(WRAP_MADVISE)) {
        errno = EPERM;
        return -1;
    }
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_create1(int flags)
{
    if (fails(WRAP_EPOLL)) {
        errno = EMFILE;
        return -1;
    }
    return __real_epoll_create1(flags);
}

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
    if (fails(WRAP_EPOLL)) {
        errno = EMFILE;
        return -1;
    }
    return __real_eventfd(count, flags);
}

void wrap_before_close(void (*fn)(int fd))
{
    atomic_store(&before_close, fn);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    void (*fn)(int fd) = atomic_load(&before_close);
    if (fn)
        fn(fd);
    return __real_close(fd);
}
