// Runs before the first paint, so that a chosen theme does not flash. A file of its own because the
// Content-Security-Policy allows no inline script; app/ui/theme.ts does the rest.
try {
  var theme = localStorage.getItem('earmark.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch (error) {
  // Storage may be switched off: the system's preference stands.
}
