-- The columns of a number and of what stands beside it, as `rows.listed` reads them.
found.*, ended.outcome, ended.amount_minor, ended.reason AS ended_reason, ended.at AS ended_at,
       shown.codes, shown.texts, shown.instants, back.given_back_minor
