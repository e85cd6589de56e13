/* state_db.h - the state's database, shared by state.c and state_ledger.c */
#ifndef WEFT_PIPELINE_STATE_DB_H
#define WEFT_PIPELINE_STATE_DB_H

#include <sqlite3.h>

#include "state.h"
#include "weft/sync.h"

enum statement {
	BEGIN, COMMIT, ROLLBACK,
	STREAM_NEW, STREAM_UPDATE, STREAM_DONE, STREAM_FORGET, STREAM_UNMARK, STREAM_KNOWN,
	MARK, MARK_PUT, AHEAD_PUT, ADOPT,
	ACCOUNT, ACCOUNT_ADD, ACCOUNTS,
	OUTPUT, OUTPUT_PUT,
	SPILL_PUT, SPILL_NEXT, SPILL_DROP, SPILL_SIZE,
	STATEMENTS
};

struct state {
	weft_mutex	 lock;		/* everything; held while something is written */
	sqlite3		*db;
	sqlite3_stmt	*query[STATEMENTS];
	bool		 inside;	/* a transaction */
	int		 error;		/* the first one in it */
	int		 lock_fd;
};

int	state_errno(struct state *s);
sqlite3_stmt *state_query(struct state *s, enum statement which);
bool	state_row(struct state *s, sqlite3_stmt *q);
int	state_done(struct state *s, sqlite3_stmt *q);

#endif
