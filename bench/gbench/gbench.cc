/* The only C++ of the project; see gbench.h.
 *
 * Why start and stop may run on different OS threads (checked against the
 * sources of Google Benchmark 1.7.1): State::KeepRunningBatch() touches
 *   - fields of State, all plain, which the caller orders;
 *   - the start/stop barrier, a mutex and a condition variable that count one
 *     participant for a benchmark of one thread, so that each pass falls
 *     through, whoever makes it;
 *   - ThreadTimer, plain fields too, which reads a chrono clock and, with
 *     MeasureProcessCPUTime, CLOCK_PROCESS_CPUTIME_ID; both have one value for
 *     the whole process. Without that option it would read the CPU time of
 *     whichever thread called, a difference of two unrelated clocks.
 * Nothing is thread-local and nothing remembers who called. Performance
 * counters, which do belong to a thread, are switched off below.
 */
#include "gbench.h"

#include <benchmark/benchmark.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <string>

struct gbench {
    benchmark::State *state;
    int64_t iterations;
    bool started;
    bool stopped;
};

namespace
{

struct job {
    const char *name;
    int64_t iterations;
    void (*body)(struct gbench *, void *);
    void *arg;
    bool ran;
    bool measured;
};

/* JSONReporter without the context (which holds the host name and the path of
 * the executable) and without the brackets around the list of entries. */
class EntryReporter : public benchmark::JSONReporter
{
  public:
    explicit EntryReporter(const job &j) : job_(j)
    {
        SetOutputStream(&text_);
        SetErrorStream(&text_);
    }

    bool ReportContext(const Context &) override
    {
        return true;
    }

    /* Google Benchmark appends /iterations:.../process_time/real_time to the
     * name; results are stored under the canonical name of the cell. */
    void ReportRuns(const std::vector<Run> &runs) override
    {
        if (runs.size() != 1 || runs[0].error_occurred || runs[0].iterations != job_.iterations)
            return;
        std::vector<Run> one(runs);
        one[0].run_name = benchmark::BenchmarkName();
        one[0].run_name.function_name = job_.name;
        benchmark::JSONReporter::ReportRuns(one);
        real_ns = one[0].GetAdjustedRealTime();
        cpu_ns = one[0].GetAdjustedCPUTime();
    }

    void Finalize() override
    {
    }

    /* Line ends and the indentation after them go; inside a string Google
     * Benchmark writes a line end as \n, so that none is lost. */
    std::string line() const
    {
        const std::string in = text_.str();
        std::string out;
        bool indent = true;
        for (char c : in) {
            if (c == '\n' || (indent && c == ' ')) {
                indent = true;
                continue;
            }
            indent = false;
            out += c;
        }
        return out;
    }

    double real_ns = 0;
    double cpu_ns = 0;

  private:
    const job &job_;
    std::ostringstream text_;
};

void run_body(benchmark::State &state, job *j)
{
    gbench g{&state, j->iterations, false, false};

    j->ran = true;
    j->body(&g, j->arg);
    j->measured = g.started && g.stopped;
    /* A benchmark that returns before its last iteration must say so. */
    if (!j->measured)
        state.SkipWithError("no measurement");
}

/* Google Benchmark takes defaults from BENCHMARK_* in the environment; a cell
 * is measured once, by this program's rules, whatever is set there. */
void set_flags()
{
    static char program[] = "greenbench";
    static char flags[][48] = {
        "--benchmark_filter=.",
        "--benchmark_repetitions=1",
        "--benchmark_min_warmup_time=0",
        "--benchmark_list_tests=false",
        "--benchmark_out=",
        "--benchmark_perf_counters=",
        "--benchmark_report_aggregates_only=false",
        "--benchmark_display_aggregates_only=false",
        "--benchmark_enable_random_interleaving=false",
        "--benchmark_time_unit=ns",
        "--v=0",
    };
    char *argv[1 + sizeof flags / sizeof flags[0] + 1] = {program};
    int argc = 1;

    for (char *flag : flags)
        argv[argc++] = flag;
    argv[argc] = nullptr;
    benchmark::Initialize(&argc, argv);
}

int run(job &j, struct gbench_result *ret_result)
{
    EntryReporter reporter(j);

    set_flags();
    benchmark::ClearRegisteredBenchmarks();
    benchmark::RegisterBenchmark(j.name, run_body, &j)
        ->Iterations(j.iterations)
        ->Repetitions(1)
        ->Unit(benchmark::kNanosecond)
        ->MeasureProcessCPUTime()
        ->UseRealTime();
    benchmark::RunSpecifiedBenchmarks(&reporter, nullptr, ".");
    if (!j.ran)
        return -EIO;
    if (!j.measured)
        return 0;
    const std::string line = reporter.line();
    if (line.empty())
        return -EIO;
    ret_result->json = strdup(line.c_str());
    ret_result->real_ns = reporter.real_ns;
    ret_result->cpu_ns = reporter.cpu_ns;
    return ret_result->json ? 0 : -ENOMEM;
}

} // namespace

extern "C" int gbench_run(const char *name, int64_t iterations,
                          void (*body)(struct gbench *, void *), void *arg,
                          struct gbench_result *ret_result) noexcept
{
    *ret_result = {nullptr, 0, 0};
    if (iterations < 1)
        return -EINVAL;
    try {
        job j = {name, iterations, body, arg, false, false};
        return run(j, ret_result);
    } catch (const std::bad_alloc &) {
        return -ENOMEM;
    } catch (...) {
        return -EIO;
    }
}

/* KeepRunningBatch(all) opens the region and leaves no iteration over, so
 * that the next call closes it. noexcept: these run on a task's own stack,
 * where there is nothing to unwind to. */
extern "C" void gbench_start(struct gbench *g) noexcept
{
    g->started = true;
    (void)g->state->KeepRunningBatch(g->iterations);
}

extern "C" void gbench_stop(struct gbench *g) noexcept
{
    (void)g->state->KeepRunningBatch(g->iterations);
    g->stopped = true;
}

extern "C" const char *gbench_version(void) noexcept
{
    return GREENBENCH_GBENCH_VERSION;
}
