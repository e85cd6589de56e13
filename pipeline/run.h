/* run.h - parts of starting and ending that a reload does too */
#ifndef WEFT_PIPELINE_RUN_H
#define WEFT_PIPELINE_RUN_H

#include "stage.h"

int	run_open_output(weft_pipeline *p, struct output *o, struct buf *err);
/* One of next's becomes p's, and is started later; one whose sink was closed goes on. */
void	run_adopt_output(weft_pipeline *p, struct output *o);
void	run_reopen_output(weft_pipeline *p, struct output *o);
void	run_restart_source(weft_pipeline *p, struct source *s);
void	run_grow_accounts(weft_pipeline *p, struct output *o);
void	run_share_memory(weft_pipeline *p);	/* among the queues of the outputs there are */
void	run_start_output(weft_pipeline *p, struct output *o);
/* h: what sources that have ended leave behind; or NULL. */
int	run_open_source(weft_pipeline *p, struct source *s, const struct syslog_heritage *h,
	    struct buf *err);
int	run_resolve(weft_pipeline *p, struct buf *err);
void	run_start_stages(weft_pipeline *p);
void	run_end_stages(weft_pipeline *p);

#endif
