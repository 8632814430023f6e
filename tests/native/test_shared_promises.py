"""Tests of what every provider promises about callbacks, phases, leaks and keys, over the native provider.

The promises and their tests are the legacy adapter's; the fixtures of this folder make them the native provider's.
"""

from tests.legacy_adapter.test_callbacks import (
    test_a_chain_of_requests_started_in_completions,
    test_a_loop_inside_a_callback_is_refused,
    test_a_request_may_be_started_inside_any_event,
    test_an_aborted_stream_gives_its_connection_up,
    test_an_aborted_stream_says_what_was_raised_and_not_more,
    test_an_interrupt_inside_an_event_loses_no_request,
    test_close_delivers_all_although_a_completion_raises,
    test_completions_that_stay_queued_are_wanted_at_once,
    test_events_come_in_perform_and_completions_in_info_read,
    test_no_event_follows_the_one_a_stream_was_ended_in,
    test_on_completion_raising_leaves_info_read_and_the_others_come_next,
    test_on_event_raising_at_any_event_aborts_that_stream_alone,
    test_on_event_raising_at_the_error_aborts_too,
)
from tests.legacy_adapter.test_leaks import (
    test_a_response_lives_as_long_as_its_reader_keeps_it,
    test_threads_and_descriptors_are_as_before,
    test_what_a_cancelled_request_held_dies_with_its_completion,
    test_what_a_request_held_dies_with_its_completion,
    test_what_an_aborted_stream_held_dies_with_its_completion,
)
from tests.legacy_adapter.test_phases import (
    test_a_connection_is_free_for_the_next_after_a_cancel,
    test_a_handle_of_another_provider_cancels_nothing,
    test_a_provider_is_closed_in_any_phase,
    test_a_request_is_cancelled_in_any_phase,
    test_a_server_that_never_closes_after_done_delays_the_completion_a_little,
    test_a_stream_may_be_ended_inside_each_of_its_events,
    test_a_stream_may_be_ended_inside_its_error,
    test_a_stream_that_has_had_its_end_keeps_its_outcome,
    test_cancelling_one_leaves_the_others,
    test_others_may_be_ended_inside_a_completion,
)
from tests.legacy_adapter.test_secrets import (
    test_a_bad_key_is_refused_without_being_shown,
    test_a_key_that_a_server_echoes_is_masked,
    test_a_network_error_does_not_show_the_key,
    test_a_provider_does_not_show_its_key,
    test_a_provider_is_neither_pickled_nor_copied,
    test_an_error_survives_pickling_with_all_it_says,
)

__all__ = [
    "test_a_bad_key_is_refused_without_being_shown",
    "test_a_chain_of_requests_started_in_completions",
    "test_a_connection_is_free_for_the_next_after_a_cancel",
    "test_a_handle_of_another_provider_cancels_nothing",
    "test_a_key_that_a_server_echoes_is_masked",
    "test_a_loop_inside_a_callback_is_refused",
    "test_a_network_error_does_not_show_the_key",
    "test_a_provider_does_not_show_its_key",
    "test_a_provider_is_closed_in_any_phase",
    "test_a_provider_is_neither_pickled_nor_copied",
    "test_a_request_is_cancelled_in_any_phase",
    "test_a_request_may_be_started_inside_any_event",
    "test_a_response_lives_as_long_as_its_reader_keeps_it",
    "test_a_server_that_never_closes_after_done_delays_the_completion_a_little",
    "test_a_stream_may_be_ended_inside_each_of_its_events",
    "test_a_stream_may_be_ended_inside_its_error",
    "test_a_stream_that_has_had_its_end_keeps_its_outcome",
    "test_an_aborted_stream_gives_its_connection_up",
    "test_an_aborted_stream_says_what_was_raised_and_not_more",
    "test_an_error_survives_pickling_with_all_it_says",
    "test_an_interrupt_inside_an_event_loses_no_request",
    "test_cancelling_one_leaves_the_others",
    "test_close_delivers_all_although_a_completion_raises",
    "test_completions_that_stay_queued_are_wanted_at_once",
    "test_events_come_in_perform_and_completions_in_info_read",
    "test_no_event_follows_the_one_a_stream_was_ended_in",
    "test_on_completion_raising_leaves_info_read_and_the_others_come_next",
    "test_on_event_raising_at_any_event_aborts_that_stream_alone",
    "test_on_event_raising_at_the_error_aborts_too",
    "test_others_may_be_ended_inside_a_completion",
    "test_threads_and_descriptors_are_as_before",
    "test_what_a_cancelled_request_held_dies_with_its_completion",
    "test_what_a_request_held_dies_with_its_completion",
    "test_what_an_aborted_stream_held_dies_with_its_completion",
]
