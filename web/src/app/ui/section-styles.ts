import type { Routes } from '@angular/router';

let loading: Promise<boolean> | null = null;

/** Load the style sheet of all views but the start, once. */
function load(): Promise<boolean> {
  return (loading ??= new Promise((resolve, reject) => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = 'sections.css';
    link.onload = () => resolve(true);
    link.onerror = () => {
      loading = null;
      link.remove();
      reject(new Error('the style sheet did not load'));
    };
    document.head.append(link);
  }));
}

/** Let every view that is loaded when it is opened wait for its style sheet, too. */
export function styled(routes: Routes): Routes {
  return routes.map((route) => (route.loadComponent ? { ...route, resolve: { styles: load } } : route));
}
