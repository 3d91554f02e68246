-- use_rooms.lua prolongs the life of a user's rooms: Store.IsMember and Rooms. It follows lib_rooms.lua.
-- KEYS: the user's rooms.
-- ARGV: their life and how little of it may be left, in ms, see prolong.
-- It returns nothing.
prolong(KEYS[1], ARGV[1], ARGV[2])
