// As header_alone.c, in C++, and as a program: the names link as C names.
#include "gt/gt.h"
#include "gt/gt.h"

static void nothing(void *)
{
}

int main()
{
    gt_config config = gt_config();
    config.workers = 1;
    return gt_run(&config, nothing, nullptr) == 0 ? 0 : 1;
}
