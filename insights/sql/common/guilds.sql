-- An old bot's rows (no kind) have no guild because it was not recorded, not because they are from a DM.
WITH placed AS (
    SELECT guild_id, user_id,
           CASE WHEN guild_id IS NOT NULL THEN 'guild' WHEN kind = '' THEN 'unknown' ELSE 'dm' END AS place
      FROM {calls} AS calls
)
SELECT place, guild_id, count(*) AS calls, count(DISTINCT user_id) AS users FROM placed GROUP BY place, guild_id
