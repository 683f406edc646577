/* The public header needs nothing before it, and may be included twice. */
#include "gt/gt.h"
#include "gt/gt.h"

int header_alone(void);
int header_alone(void)
{
    gt_config config = {0};
    gt_group group = {0};
    return gt_start(&config) || gt_group_wait(&group);
}
