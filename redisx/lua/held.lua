-- held.lua returns the messages that wait for a moderator, oldest first: Store.Held. It follows lib_held.lua.
-- KEYS: held messages.
-- It writes nothing.
return (waiting(KEYS[1]))
