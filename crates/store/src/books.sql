SELECT 'dead job ' || name || ': ' || COALESCE(last_error, '') AS what FROM jobs WHERE state = 'dead';
