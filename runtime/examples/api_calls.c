/* Concurrent calls of a service, gathered over one channel.
 *
 * The service, here in the same process and on the loopback interface, reads
 * a line such as "square 7" from each connection and answers "49". Each call
 * is a task of its own, written as if it were the only one: connect, write,
 * read. No call holds an OS thread while it waits for the network.
 *
 * One call asks for something that the service never answers. Its deadline
 * ends it, and the others do not notice. */
#include <errno.h>
#include <gt/gt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS    INT64_C(1000000)
#define CALLS 10
#define LINE  64

static struct sockaddr_in address; /* of the service */

/* Read up to a newline, which becomes the end of the string. Returns its
 * length or a negative errno; -EPIPE if the peer ends before. */
static int64_t read_line(int fd, char line[LINE], int64_t deadline)
{
    size_t size = 0;
    while (size < LINE - 1) {
        int64_t n = gt_read(fd, line + size, LINE - 1 - size, deadline);
        if (n <= 0)
            return n < 0 ? n : -EPIPE;
        size += (size_t)n;
        line[size] = '\0';
        char *end = strchr(line, '\n');
        if (end) {
            *end = '\0';
            return end - line;
        }
    }
    return -EMSGSIZE;
}

/* ---- the service ----------------------------------------------------- */

static void serve(void *arg)
{
    int fd = (int)(intptr_t)arg, number;
    char line[LINE], answer[LINE];
    if (read_line(fd, line, GT_NEVER) >= 0) {
        if (sscanf(line, "square %d", &number) == 1 && abs(number) < 40000) {
            int size = snprintf(answer, sizeof answer, "%d\n", number * number);
            gt_write(fd, answer, (size_t)size, GT_NEVER);
        } else {
            read_line(fd, line, GT_NEVER); /* until the caller gives up */
        }
    }
    gt_close(fd);
}

static void accept_calls(void *arg)
{
    int listener = (int)(intptr_t)arg, fd;
    gt_group connections = {0};
    /* Ends with -EBADF when the main task closes the listener. */
    while ((fd = gt_accept(listener, NULL, NULL, GT_NEVER)) >= 0)
        if (gt_group_spawn(&connections, serve, (void *)(intptr_t)fd, NULL) != 0)
            gt_close(fd);
    gt_group_wait(&connections);
}

/* A socket that listens on a free port of 127.0.0.1, or -1. */
static int listen_somewhere(void)
{
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- the calls ------------------------------------------------------- */

struct call {
    char request[LINE];
    int64_t deadline;
    gt_chan *results; /* of struct result */
    int index;
};

struct result {
    int index;
    int64_t status; /* 0 or a negative errno */
    char answer[LINE];
};

static int64_t ask(const struct call *c, char answer[LINE])
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int64_t status = gt_connect(fd, (const struct sockaddr *)&address, sizeof address, c->deadline);
    if (status == 0)
        status = gt_write(fd, c->request, strlen(c->request), c->deadline);
    if (status > 0)
        status = read_line(fd, answer, c->deadline);
    gt_close(fd);
    return status < 0 ? status : 0;
}

static void call(void *arg)
{
    const struct call *c = arg;
    struct result r = {.index = c->index};
    r.status = ask(c, r.answer);
    gt_chan_send(c->results, &r);
}

static void main_task(void *arg)
{
    int listener = *(int *)arg;
    gt_chan *results = gt_chan_create(sizeof(struct result), CALLS + 1);
    struct call calls[CALLS + 1];
    struct result in_order[CALLS + 1], r;
    gt_group service = {0}, callers = {0};

    if (!results || gt_group_spawn(&service, accept_calls, (void *)(intptr_t)listener, NULL) != 0) {
        fputs("no memory for the service\n", stderr);
        return;
    }
    for (int i = 0; i <= CALLS; i++) {
        struct call *c = &calls[i];
        *c = (struct call){.results = results, .index = i};
        if (i < CALLS) {
            snprintf(c->request, sizeof c->request, "square %d\n", i + 1);
            c->deadline = gt_now() + 10000 * MS;
        } else {
            snprintf(c->request, sizeof c->request, "think\n");
            c->deadline = gt_now() + 50 * MS;
        }
        if (gt_group_spawn(&callers, call, c, NULL) != 0)
            call(c); /* no memory for a task: then one after the other */
    }
    /* They arrive in any order. */
    for (int i = 0; i <= CALLS; i++) {
        gt_chan_recv(results, &r);
        in_order[r.index] = r;
    }
    for (int i = 0; i <= CALLS; i++)
        printf("%.*s: %s\n", (int)strcspn(calls[i].request, "\n"), calls[i].request,
               in_order[i].status == 0 ? in_order[i].answer : strerror((int)-in_order[i].status));
    gt_group_wait(&callers);
    gt_close(listener);
    gt_group_wait(&service);
    gt_chan_destroy(results);
}

int main(void)
{
    int listener = listen_somewhere();
    if (listener < 0) {
        perror("cannot listen on 127.0.0.1");
        return 1;
    }
    int64_t left = gt_run(NULL, main_task, &listener);
    if (left < 0)
        fprintf(stderr, "cannot start: %s\n", gt_start_error());
    return left == 0 ? 0 : 1;
}
