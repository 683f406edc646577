/* The server of bench/io on one backend, for tests that are its clients.
 *
 *     io_serve_<backend> IDLE_MS REQUEST_MS [task]
 *
 * Prints "port N", serves until its standard input ends, then prints what it
 * counted. Any GET is answered with {"target":"...","body":"..."}; "task": in a
 * task of its own.
 */
#include "../io/server.h"
#include "../task_io.h"
#include "../workload.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server_config config;
static int failed;

static void handle(const struct http_message *request, struct server_reply *reply, void *arg)
{
    const int size = snprintf(
        reply->body, sizeof reply->body, "{\"target\":\"%.100s\",\"body\":\"%.*s\"}",
        request->target, (int)(request->body_size < 100 ? request->body_size : 100), request->body);

    reply->body_size = (size_t)size;
    if (request->verb == HTTP_VERB_OTHER) {
        reply->status = 405;
        reply->in_words = true;
    }
}

/* Not by reading standard input: whether a task may is not what is tested. */
static bool input_has_ended(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char ignored[64];

    return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0;
}

static void root(void *arg)
{
    struct server server;
    const int rc = server_start(&server, &config);

    if (rc) {
        fprintf(stderr, "io_serve: %s\n", strerror(-rc));
        failed = 1;
        return;
    }
    printf("port %u\n", server.port);
    fflush(stdout);
    while (!input_has_ended())
        task_sleep_until(workload_now() + INT64_C(5000000));
    server_stop(&server);
    printf("messages %" PRIu64 "\nrefused %" PRIu64 "\ncreated %" PRIu64 "\ndone %" PRIu64
           "\nturned_away %" PRIu64 "\n",
           server.counts.messages, server.counts.refused, server.counts.created, server.counts.done,
           server.counts.turned_away);
}

int main(int argc, char **argv)
{
    struct task_config task = {.ncpu = 2};
    int rc;

    if (argc < 3) {
        fputs("usage: io_serve IDLE_MS REQUEST_MS [task]\n", stderr);
        return 64;
    }
    config.handle = handle;
    config.idle_ns = strtoll(argv[1], NULL, 10) * 1000000;
    config.request_ns = strtoll(argv[2], NULL, 10) * 1000000;
    config.task_per_request = argc > 3;
    rc = task_main(&task, root, NULL);
    if (rc)
        fprintf(stderr, "io_serve: the backend could not start: %s\n", strerror(-rc));
    return rc || failed ? 1 : 0;
}
