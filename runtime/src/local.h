/* Task-local storage: what the rest of the runtime must do for it. */
#ifndef GTI_LOCAL_H
#define GTI_LOCAL_H

#include "task.h"

/* The calling task, whose flags have GTI_TASK_LOCALS, has returned: destroy
 * its values. May wait, so that the task may have moved afterwards. */
void gti_local_end(struct gti_task *t);

/* The workers have stopped: free what abandoned tasks had. */
void gti_local_free_abandoned(void);

#endif
