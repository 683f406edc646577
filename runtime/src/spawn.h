/* Making tasks; gt_spawn() and gt_group_spawn() are the same but for the
 * group. */
#ifndef GTI_SPAWN_H
#define GTI_SPAWN_H

#include "group.h"

int gti_spawn(struct gt_group *group, gt_fn *fn, void *arg, const gt_attr *attr);

#endif
