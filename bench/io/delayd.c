/* A server for io/api_calls: answers any GET after a delay. One thread, one
 * epoll, the same for every backend; README.md describes it. It is not what is
 * measured, so it is on a CPU of its own where there is one.
 *
 * All delays are equal, so that answers are due in the order of requests: a
 * ring holds them.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http.h"

enum { EVENTS = 256, BACKLOG = 4096, EXIT_USAGE = 64 };

#define SECOND INT64_C(1000000000)

struct client {
    int fd;
    bool waiting; /* for its answer, which is due at `due` */
    bool gone;    /* closed by the other end meanwhile */
    int64_t due;
    struct client *next; /* of those that wait */
    struct http_message request;
};

static struct {
    int epoll, listener;
    struct client *first, *last; /* the next answers, in order */
    uint64_t served;
    int64_t delay;
} all;

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

static __attribute__((noreturn)) void fail(const char *what)
{
    fprintf(stderr, "greenbench-delayd: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(int fd, uint32_t events, void *what)
{
    struct epoll_event e = {.events = events, .data.ptr = what};

    if (epoll_ctl(all.epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        fail("epoll_ctl");
}

/* --- clients --------------------------------------------------------------- */

static void hang_up(struct client *c)
{
    close(c->fd);
    c->fd = -1;
    c->gone = true;
    if (!c->waiting)
        free(c);
}

static void welcome_all(void)
{
    const int on = 1;
    struct client *c;
    int fd;

    while ((fd = accept4(all.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        c = malloc(sizeof *c);
        if (!c)
            fail("malloc");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->fd = fd;
        c->waiting = c->gone = false;
        http_request_begin(&c->request);
        watch(fd, EPOLLIN | EPOLLRDHUP, c);
    }
}

static void put_off(struct client *c)
{
    c->waiting = true;
    c->due = now_ns() + all.delay;
    c->next = NULL;
    if (all.first)
        all.last->next = c;
    else
        all.first = c;
    all.last = c;
}

static void answer(struct client *c)
{
    const struct http_message *r = &c->request;
    char body[HTTP_TARGET_MAX + 16], text[HTTP_REPLY_MAX];
    int body_size = snprintf(body, sizeof body, "{\"path\":\"%.200s\"}", r->target);
    size_t size = http_compose(text, 200, r->keep_alive, body, (size_t)body_size);
    bool stays = send(c->fd, text, size, MSG_NOSIGNAL) == (ssize_t)size && r->keep_alive;

    all.served++;
    if (stays)
        http_request_begin(&c->request);
    else
        hang_up(c);
}

/* A client with a request under way sends nothing else; whoever does is not
 * one of ours. */
static void listen_to(struct client *c)
{
    char bytes[2048];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || c->waiting || http_feed(&c->request, bytes, (size_t)n) != (size_t)n ||
        c->request.refused) {
        hang_up(c);
        return;
    }
    if (c->request.complete)
        put_off(c);
}

static void answer_due(void)
{
    const int64_t now = now_ns();

    while (all.first && all.first->due <= now) {
        struct client *c = all.first;

        all.first = c->next;
        c->waiting = false;
        if (c->gone)
            free(c);
        else
            answer(c);
    }
}

/* --- the process ----------------------------------------------------------- */

static void listen_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;

    all.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (all.listener < 0 || bind(all.listener, (struct sockaddr *)&address, size) != 0 ||
        listen(all.listener, BACKLOG) != 0 ||
        getsockname(all.listener, (struct sockaddr *)&address, &size) != 0)
        fail("cannot listen on 127.0.0.1");
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
}

static void look(void)
{
    struct epoll_event events[EVENTS];
    int64_t left = all.first ? all.first->due - now_ns() : SECOND;
    struct timespec time = {0};
    int count;

    if (left > 0)
        time = (struct timespec){left / SECOND, left % SECOND};
    count = epoll_pwait2(all.epoll, events, EVENTS, &time, NULL);
    if (count < 0 && errno != EINTR)
        fail("epoll_pwait2");
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == &all) {
            printf("served %" PRIu64 "\n", all.served);
            exit(0);
        }
        if (events[i].data.ptr)
            listen_to(events[i].data.ptr);
        else
            welcome_all();
    }
}

/* --- the command line ------------------------------------------------------ */

static __attribute__((noreturn)) void refuse(const char *what)
{
    fprintf(stderr, "greenbench-delayd: %s\n", what);
    exit(EXIT_USAGE);
}

static long number(const char *what, long max)
{
    char *end;
    long value;

    errno = 0;
    value = strtol(optarg, &end, 10);
    if (*optarg < '0' || *optarg > '9' || *end || errno || value > max)
        refuse(what);
    return value;
}

static void bind_to(long cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        fail("cannot run on that CPU");
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {{"delay-ms", required_argument, NULL, 'd'},
                                            {"cpu", required_argument, NULL, 'u'},
                                            {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    all.delay = SECOND / 100;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'd')
            all.delay = number("--delay-ms wants a number up to 59999", 59999) * (SECOND / 1000);
        else if (option == 'u')
            bind_to(number("--cpu wants a CPU's number", CPU_SETSIZE - 1));
        else
            refuse("it takes --delay-ms N and --cpu N");
    }
    if (optind < argc)
        refuse("unexpected argument");
}

int main(int argc, char **argv)
{
    struct rlimit files;

    parse(argc, argv);
    prctl(PR_SET_TIMERSLACK, 1000);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    all.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (all.epoll < 0)
        fail("epoll_create1");
    listen_on_loopback();
    watch(all.listener, EPOLLIN, NULL);
    watch(STDIN_FILENO, EPOLLIN | EPOLLRDHUP, &all);
    for (;;) {
        look();
        answer_due();
    }
}
