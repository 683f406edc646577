/* See wrap.h. */
#include "wrap.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg);
int __real_pthread_join(pthread_t thread, void **ret);
int __wrap_pthread_join(pthread_t thread, void **ret);
int __real_pthread_tryjoin_np(pthread_t thread, void **ret);
int __wrap_pthread_tryjoin_np(pthread_t thread, void **ret);

static int fail_at, for_ever;
static atomic_int calls, created, joined;

void wrap_reset(int fail, int ever)
{
    fail_at = fail;
    for_ever = ever;
    atomic_store(&calls, 0);
    atomic_store(&created, 0);
    atomic_store(&joined, 0);
}

int wrap_created(void)
{
    return atomic_load(&created);
}

int wrap_joined(void)
{
    return atomic_load(&joined);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *),
                          void *arg)
{
    int call = atomic_fetch_add(&calls, 1) + 1;

    if (fail_at != 0 && (call == fail_at || (for_ever && call > fail_at)))
        return EAGAIN;
    int error = __real_pthread_create(thread, attr, fn, arg);
    atomic_fetch_add(&created, error == 0);
    return error;
}

int __wrap_pthread_join(pthread_t thread, void **ret)
{
    int error = __real_pthread_join(thread, ret);

    atomic_fetch_add(&joined, error == 0);
    return error;
}

int __wrap_pthread_tryjoin_np(pthread_t thread, void **ret)
{
    int error = __real_pthread_tryjoin_np(thread, ret);

    atomic_fetch_add(&joined, error == 0);
    return error;
}
