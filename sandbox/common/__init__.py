"""What every sandbox provider has: storage, clock, faults, notifications, the frame of its pages.

A new provider is a package beside this one, with its own wire protocol and nothing of the checkout:

- `__main__.py`: `run_program("name", "what it is", port, create_app)` (`program`).
- `app.py`: `create_app(data_dir, public_url)` opens `Storage(data_dir, "name")`, makes its `World`
  (`world`; own settings as `defaults`, own verbs as `Faults(verbs)`), and returns
  `sandbox_app(world, routes, prepare=…, retry=…, pass_time=…)` (`program`).
- The API calls `world.faults.take(verb)` before each verb, then does what `faults` says of its
  kind. For the network a fault needs only `await asyncio.sleep` and `Broken()` (`wire`). A change
  and its notifications are written in one `storage.transaction()`.
- Notifications: `world.notify([target], event_id)` with both as stored objects. `prepare` makes
  address, headers and body of them when they are sent, signed as the provider does
  (`delivery.forged`: signed wrongly, for the fault of that name).
- The page: `Pages("sandbox.name")` renders its own `templates/` and those here (`base`, `card`,
  `challenge`, `wallet`, `waiting`, `closed`), with texts of `texts.catalogue(own, …)`.
- `sandbox_app` adds the common `/_admin/` routes, and a provider adds its own (`admin_routes`).
"""
