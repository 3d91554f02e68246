-- feed_move.lua moves a bookmark: Store.MoveFeed. It follows a lib_room.
-- KEYS: bookmark.
-- ARGV: the value that it must have, '' for none; its new value.
-- It returns 1, or 0 where it is something else: another node moved it.
if (call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
call('SET', KEYS[1], ARGV[2], 'PX', metaLife)
return 1
