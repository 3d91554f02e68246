import{BarrageError as B}from"./barrage.mjs";function u(a,e=String){try{return e(a)}catch{return typeof a}}function m(a){return new B("invalid",a)}function _(a,e){let t=a(),n=e(),i=0;return()=>{let s=a(),o=e(),r=o-n-(s-t);return r>1e3&&(i+=r),t=s,n=o,t+i}}var M=_(()=>performance.now(),()=>Date.now());function E(a,e,t){let{seq:n,userId:i,id:s,ts:o}=a;return i?i!==e.userId||s!==e.id?!1:s.startsWith("~")||Math.abs(o-e.ts)<=(s?12e4:0):t&&n>0&&n===e.seq}var x=/:([A-Za-z0-9_+-]{1,32}):/g;var J=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");function G(a){let e=document.createElement("canvas"),{naturalWidth:t,naturalHeight:n,className:i,title:s,alt:o}=a,r=Math.min(n,128);return Object.
assign(e,{className:i,title:s,height:r,width:t*r/n},o?{role:"img",ariaLabel:o}:{ariaHidden:"true"}),e.getContext("2d").drawImage(a,0,0,e.width,r),e}var b=class{#t;#e;#o=new Map;#n=new Map;#i=!1;constructor(e,t){
this.#t=e,this.#e=t}async load(){if(!this.#i){this.#i=!0;try{let e=i=>new URL(i,this.#t).href,t=await fetch(e("emotes"));if(!t.ok)throw t;let n=await t.json();for(let i in n)this.#n.set(i,e(n[i]));this.#n.
size&&this.#e([...this.#n.keys()])}catch{setTimeout(()=>this.#i=!1,6e4)}}}in(e){let t=[];x.lastIndex=0;for(let n;t.length<50&&(n=x.exec(e));)this.#n.has(n[1])?t.push([n.index,x.lastIndex,n[1]]):(x.lastIndex--,
this.load());return t}image(e,t="emote"){let n=new Image;return n.className=t,n.alt=n.title=`:${e}:`,n.crossOrigin="",n.src=this.#n.get(e),J?.matches&&(n.onload=()=>n.replaceWith(G(n))),n}of(e){let t=this.#o.
get(e)??this.image(e);return this.#o.set(e,t),t.complete&&t.naturalWidth>0?t:void 0}};var K=/[\u202a-\u202e\u2066-\u2069]/g,Z=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function g(a){return a.replace(K,"")}function k(a){let e=g(a);return Z.
test(e)?`⁨${e}⁩`:e}var U=64,Q=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function L({user:a,userId:e}){let t=a?.name;return typeof t!="string"?g(e):[...t.replace(/\s+/g," ").replace(Q,"").
trim()].slice(0,U).join("").trim()||g(e)}function O(a){let e=2166136261;for(let t of a)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var y=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let n=Math.exp(-t/1e3);return this.rate=this.rate*n+this.count*1e3/t*(1-n),this.count=
0,this.since=e,this.rate}},S=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function P(a,e){return a.from-a.speed*(e-a.at)}var H=4,q=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/H)}clear(){this.last.fill(void 0)}place(e,t,n,i=0){
let s=Math.ceil(e.height/H),o=this.width+i;for(let r=0;r+s<=this.strips;r+=s){if(this.firstTaken(r,s,o,t,n)>=0)continue;let l={...e,speed:t,from:o,at:n,top:r*H};for(let d=r;d<r+s;d++)this.last[d]=l;return l}}firstTaken(e,t,n,i,s){
let o;for(let r=e;r<e+t;r++){let h=this.last[r];if(!(h===o||!h)){if(!this.staysBehind(h,n,i,s))return r;o=h}}return-1}staysBehind(e,t,n,i){let s=P(e,i)+e.width+this.gap;return s>t?!1:s<=0||n<=e.speed?
!0:t-n*(s/e.speed)>=0}};var V=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],X=1.4,Y=3,j=12,C=60,ee=120,te=900,ne=8e3,T=class{constructor(e){this.canvas=e;
this.context=e.getContext("2d")}canvas;tracks=new q(j);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;blank=!0;stood=0;offered=new y;shown=new y;pictures;look={family:"sans-serif",
times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.height=
Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()-this.stood}),this.waiting.length<=ee)return;let t=this.waiting.findIndex(
n=>n.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.message)&&(t.sprite.width=1)}clear(){
this.waiting=[],this.flyers=[],this.tracks.clear()}stand(e){this.stood+=e}draw(e){let t=e-this.stood;this.launch(t);let{context:n,scale:i}=this;this.blank||n.clearRect(0,0,this.canvas.width,this.canvas.
height),this.blank=this.flyers.length===0;let s=0;for(let o of this.flyers){let r=P(o.flight,t);if(r+o.flight.width<0){this.spare.length<64&&this.spare.push(o.sprite);continue}this.flyers[s++]=o,r<this.
width&&n.drawImage(o.sprite,r*i,o.flight.top*i+4*i)}this.flyers.length=s}launch(e){if(this.waiting=this.waiting.filter(r=>e-r.since<(r.comment.look==="mine"?ne:te)),!this.waiting.length||!this.width)return;
let t=this.density(e),n=Math.max(2,Math.ceil(this.waiting.length/6)),i=4,s=r=>+(r.comment.look==="mine"),o=this.waiting.sort((r,h)=>s(h)-s(r));this.waiting=[];for(let r of o)n>0&&i>0&&this.fly(r.comment,
t,e)?n--:(i--,this.waiting.push(r))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:n,speed:i},s){let o=this.partsOf(se(e));this.context.font=`600 ${t}px ${this.look.family}`;let r=Math.ceil(
o.reduce((d,c)=>d+this.widthOf(c,t),0))+I(e,t)*2,h=1+.3*Math.min(1,r/this.width),l=this.tracks.place({width:r,height:n},this.base*i*h,s,Math.random()*60);return l?(this.ems+=(r/t-this.ems)*.02,this.shown.
add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,o,t,l)}),!0):!1}density(e){let t=this.offered.perSecond(e),{times:n,speed:i}=this.look,s=V.map(({font:r,track:h,speed:l})=>({font:r*n,track:h*
n,speed:l*i}));return s.find(({font:r,track:h,speed:l})=>{let d=(this.ems*r+j)/(this.base*l*1e3);return t<.75*Math.floor(this.height/h)/d})??s[s.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],n=[];
if(!t.length||k(e)!==e)return[e];let i=0;for(let[s,o,r]of t){let h=this.pictures.of(r);h&&(n.push(e.slice(i,s),h),i=o)}return[...n,e.slice(i)].filter(s=>s!=="")}widthOf(e,t){return typeof e=="string"?
this.context.measureText(e).width:X*t*Math.min(Y,e.naturalWidth/e.naturalHeight)}paint(e,t,n,{width:i,height:s}){let o=this.spare.pop()??document.createElement("canvas"),r=o.getContext("2d");o.width=Math.
ceil(i*this.scale),o.height=Math.ceil(s*this.scale),r.scale(this.scale,this.scale),e.look!=="plain"&&(r.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rgb(160 96 0 / .62)",r.strokeStyle=e.look==="m\
ine"?"#cfc9ff":"#ffd873",r.lineWidth=1.5,r.beginPath(),r.roundRect(1,1,i-2,s-2,s/2),r.fill(),r.stroke()),r.font=`600 ${n}px ${this.look.family}`,r.textBaseline="middle",r.lineJoin="round",r.lineWidth=
n/6,r.strokeStyle="rgb(8 6 24 / .72)",r.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=s/2+1,l=I(e,n);for(let d of t){let c=t.length>1||typeof d!="st\
ring"?this.widthOf(d,n):0;if(typeof d=="string")r.strokeText(d,l,h),r.fillText(d,l,h);else{let w=c*d.naturalHeight/d.naturalWidth;r.drawImage(d,l,h-w/2,c,w)}l+=c}return o}};function I(a,e){return a.look===
"plain"?3:e*.7}var ie=new Intl.Segmenter;function se({text:a,who:e}){return(e?`${k(e)} `:"")+k(re(a))}function re(a){let e=a.replace(/\s+/g," ");if(e.length<=C)return e;let t=[...ie.segment(e.slice(0,
4*C))].map(n=>n.segment);return t.length<=C?e:`${t.slice(0,C).join("")}…`}function R({userId:a,ts:e},t){return a!==""&&a===t.userId&&t.since<=e&&e<=t.until}var A=30,oe=22,F=1e3,D=600,ae=200,he=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-emote { height: 1.4em; max-width: 4.2em; vertical-align: middle; object-fit: contain; }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${D}ms var(--barrage-fade) both; }
.barrage-stands .barrage-row { animation-play-state: paused; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,z=class{#t;#e;#o;#n;#i;#c;#v=new S(A,2*A);#h;#r=[];#s=[];#f=[];#u=()=>"";#m=()=>{};#g=Date.now()-M();#M={date:void 0,since:0,drawn:0};#a=new b("",()=>{});#d=0;#p=-F;#l=!1;constructor(e,t={}){if(typeof e?.
append!="function")throw m(`cannot make an overlay: its place is ${u(e)}, want an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object \
but ${u(t)}`);let{look:n="fly",lines:i=8,fadeMs:s=0,area:o=1,size:r,font:h,accent:l,hide:d=()=>!1}=t;if(!["fly","list","both"].includes(n))throw m(`cannot make an overlay: look is ${u(n)}, want fly, l\
ist or both`);if($("lines",i,1,100),$("fadeMs",s,0,36e5),$("area",o,.1,1),r!==void 0&&$("size",r,8,200),typeof d!="function")throw m(`cannot make an overlay: hide is no function but ${u(d)}`);this.#n=
Math.floor(i),this.#i=s,this.#c=d;let c=this.#t=p("div",`barrage${s>0?" barrage-fades":""}`),w={size:r&&`${r}px`,font:h,accent:l,fade:`${s}ms`,area:t.area&&String(o)};for(let[f,v]of Object.entries(w))
v&&c.style.setProperty(`--barrage-${f}`,v);if(n!=="list"){let f=p("canvas","barrage-sky");f.ariaHidden="true",c.append(f);let v=this.#e=new T(f);this.#h=new ResizeObserver(()=>v.resize()),this.#h.observe(
f)}let N=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;(n!=="fly"||N)&&c.append(this.#o=p("ol","barrage-list")),e.append(c),this.#d=requestAnimationFrame(f=>this.#w(f))}show(e){if(typeof e?.
on!="function")throw m(`cannot show a room: it is ${u(e)}, want a Room or a Replay`);this.clear(),this.#u=()=>e.epoch,this.#m=()=>e.date,this.#a=new b(e.url??"",()=>{for(let{node:n,message:i}of[...this.#r,
...this.#s])this.#b(n.lastChild,i)}),this.#e&&(this.#e.pictures=this.#a);let t=n=>this.#y(n);this.#f=[e.on("message",(n,{history:i})=>{i||(this.#g=n.ts-M()),this.#x(n,e.epoch,i,e.date??M()+this.#g)}),
e.on("recalled",n=>t((i,s)=>E(n,i,s===e.epoch))),e.on("purged",n=>t(i=>R(i,n))),e.on("cleared",n=>t((i,s)=>s!==n.epoch||i.seq<=n.seq))]}clear(){for(let e of this.#f.splice(0))e();this.#y(()=>!0),this.#e?.
clear()}close(){this.clear(),cancelAnimationFrame(this.#d),this.#h?.disconnect(),this.#t.remove()}#x(e,t,n,i){if(e.recalled||this.#c(e))return;let s=e.kind==="system",o=performance.now(),r=n?Math.max(
0,i-e.ts):0;if(this.#o&&(this.#i===0||r<this.#i)&&(s||n||this.#v.take(o))&&(this.#s.push({message:e,epoch:t,node:this.#k(e,r),endsAt:this.#i>0?o+this.#i-r+D:1/0}),this.#s.length>2*this.#n&&(this.#s=this.#s.
slice(-this.#n))),n||document.hidden)return;let h=e.kind==="gift";this.#e?.add({message:e,text:e.body,...h?{who:L(e)}:{},look:h||s?"gift":"plain",hue:O(e.userId)})}#k(e,t){let n=e.kind==="system",i=p(
"li",`barrage-row barrage-kind-${W(e.kind)}${n?" barrage-said":""}`),s=e.user?.role;typeof s=="string"&&s&&i.classList.add(`barrage-role-${W(s)}`),i.style.setProperty("--barrage-hue",String(O(e.userId))),
t>0&&(i.style.animationDelay=`${this.#i-t}ms`),i.part.add("row"),n||i.append(p("b","barrage-name",L(e))," ");let o=p("span","barrage-text");return o.dir="auto",this.#b(o,e),i.append(o),i}#b(e,{body:t}){
let n=g(t),i=0;e.textContent="";for(let[s,o,r]of this.#a.in(n))e.append(n.slice(i,s),this.#a.image(r,"barrage-emote")),i=o;e.append(n.slice(i))}#y(e){let t=({message:n,epoch:i,node:s})=>e(n,i)?(s.remove(),
!1):!0;this.#r=this.#r.filter(t),this.#s=this.#s.filter(t),this.#e?.drop(n=>e(n,this.#u()))}#S(){if(this.#l=this.#t.isConnected,!this.#l||getComputedStyle(this.#t).position!=="static")return;let e=this.#t.
getRootNode(),t=new CSSStyleSheet;t.replaceSync(`@layer barrage { ${he} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,t]}#q(e,t){if(t-this.#p>=F){let{fontFamily:n,fontSize:i}=getComputedStyle(this.#t);
e.look={family:n,times:parseFloat(i)/oe,speed:1},this.#p=t}e.draw(t)}#C(e){let t=this.#M,n=this.#m(),i=e-t.drawn;t.drawn=e,n!==t.date&&Object.assign(t,{date:n,since:e});let s=n!==void 0&&e-t.since>ae;
if(this.#t.classList.toggle("barrage-stands",s),!!s){this.#e?.stand(i);for(let o of[...this.#r,...this.#s])o.endsAt+=i}}#w(e){if(this.#d=requestAnimationFrame(s=>this.#w(s)),this.#l||this.#S(),this.#C(
e),this.#e&&this.#q(this.#e,e),!this.#o)return;let t=this.#r.length>0&&this.#r[0].endsAt<=e;if(this.#s.length===0&&!t)return;let n=[...this.#r,...this.#s.splice(0)],i=n.filter(({endsAt:s})=>s>e).slice(
-this.#n);for(let s of n)i.includes(s)||s.node.remove();for(let{node:s}of i)s.isConnected||this.#o.append(s);this.#r=i}};function $(a,e,t,n){if(!(typeof e=="number"&&e>=t&&e<=n))throw m(`cannot make a\
n overlay: ${a} is ${u(e)}, want ${t} to ${n}`)}function W(a){return a.replace(/[^\w-]/g,"_").slice(0,32)}function p(a,e,t=""){let n=document.createElement(a);return n.className=e,t&&(n.dir="auto",n.textContent=
t),n}export{z as Overlay,he as overlayStyle};
