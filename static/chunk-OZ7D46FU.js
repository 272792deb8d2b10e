function u(n,t,l,o){let e=n.querySelectorAll(t);(e[Math.min(Math.max(l,0),e.length-1)]??o)?.focus()}export{u as a};
