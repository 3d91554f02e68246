import{BarrageError as D}from"./barrage.mjs";function u(o,e=String){try{return e(o)}catch{return typeof o}}function m(o){return new D("invalid",o)}function w(o,e,t){let{seq:i,userId:r,id:n,ts:a}=o;return r?r!==e.userId||n!==e.id?!1:n.startsWith("~")||Math.abs(a-e.ts)<=(n?12e4:0):t&&i>0&&i===e.seq}var N=/[\u202a-\u202e\u2066-\u2069]/g,_=/[\u0590-\u08ff\u200f\u061c\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;function p(o){return o.replace(N,"")}function v(o){let e=p(o);return _.
test(e)?`⁨${e}⁩`:e}var J=64,K=/[\p{Cc}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/gu;function C({user:o,userId:e}){let t=o?.name;return typeof t!="string"?p(e):[...t.replace(/\s+/g," ").replace(K,"").
trim()].slice(0,J).join("").trim()||p(e)}function $(o){let e=2166136261;for(let t of o)e=Math.imul(e^t.codePointAt(0),16777619);return(e>>>0)%360}var b=class{count=0;since=0;rate=0;add(e=1){this.count+=e}perSecond(e){let t=e-this.since;if(t<50)return this.rate;let i=Math.exp(-t/1e3);return this.rate=this.rate*i+this.count*1e3/t*(1-i),this.count=
0,this.since=e,this.rate}},M=class{constructor(e,t){this.rate=e;this.burst=t;this.left=t}rate;burst;left;since=0;take(e){return this.left=Math.min(this.burst,this.left+(e-this.since)*this.rate/1e3),this.
since=e,this.left<1?!1:(this.left--,!0)}};function j(o,e){if(o>=e*.97)return;let t=e/Math.max(o,.01);if(t>=1.75)return{part:1,whole:Math.round(t)};let i=Math.min(9,Math.max(2,Math.round(o/(e-o))));return{
part:i,whole:i+1}}function P(o,e){return o.from-o.speed*(e-o.at)}var O=4,k=class{constructor(e){this.gap=e}gap;last=[];width=0;strips=0;resize(e,t){this.width=e,this.strips=Math.floor(t/O)}clear(){this.last.fill(void 0)}place(e,t,i,r=0){
let n=Math.ceil(e.height/O),a=this.width+r;for(let s=0;s+n<=this.strips;s+=n){if(this.firstTaken(s,n,a,t,i)>=0)continue;let l={...e,speed:t,from:a,at:i,top:s*O};for(let d=s;d<s+n;d++)this.last[d]=l;return l}}firstTaken(e,t,i,r,n){
let a;for(let s=e;s<e+t;s++){let h=this.last[s];if(!(h===a||!h)){if(!this.staysBehind(h,i,r,n))return s;a=h}}return-1}staysBehind(e,t,i,r){let n=P(e,r)+e.width+this.gap;return n>t?!1:n<=0||i<=e.speed?
!0:t-i*(n/e.speed)>=0}};var G=[{font:22,track:36,speed:1},{font:18,track:28,speed:1.35},{font:15,track:20,speed:1.8},{font:15,track:20,speed:2.6}],R=1.4,U='system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHe\
i", "Noto Sans CJK SC", sans-serif',L=12,x=60,Y=120,Z=900,Q=8e3,S=class{constructor(e){this.canvas=e;this.context=e.getContext("2d")}canvas;tracks=new k(L);context;flyers=[];waiting=[];spare=[];width=0;height=0;scale=1;ems=6;offered=new b;shown=new b;blank=!0;pictures;look={
family:U,times:1,speed:1};resize(){let{clientWidth:e,clientHeight:t}=this.canvas;this.scale=Math.min(2,devicePixelRatio||1),this.width=e,this.height=t,this.canvas.width=Math.round(e*this.scale),this.canvas.
height=Math.round(t*this.scale),this.tracks.resize(e,t-8)}add(e){if(this.offered.add(),this.waiting.push({comment:e,since:performance.now()}),this.waiting.length<=Y)return;let t=this.waiting.findIndex(
i=>i.comment.look!=="mine");this.waiting.splice(Math.max(0,t),1)}remove(e){this.drop(t=>w(e,t,!0))}drop(e){this.waiting=this.waiting.filter(t=>!e(t.comment.message));for(let t of this.flyers)e(t.comment.
message)&&(t.sprite.width=1)}clear(){this.waiting=[],this.flyers=[],this.tracks.clear()}share(e){let t=this.offered.perSecond(e),i=this.shown.perSecond(e);return t<3?void 0:j(i,t)}draw(e){this.launch(
e);let{context:t,scale:i}=this;this.blank||t.clearRect(0,0,this.canvas.width,this.canvas.height),this.blank=this.flyers.length===0;let r=0;for(let n of this.flyers){let a=P(n.flight,e);if(a+n.flight.width<
0){this.spare.length<64&&this.spare.push(n.sprite);continue}this.flyers[r++]=n,a<this.width&&t.drawImage(n.sprite,a*i,n.flight.top*i+4*i)}this.flyers.length=r}launch(e){if(this.waiting=this.waiting.filter(
s=>e-s.since<(s.comment.look==="mine"?Q:Z)),!this.waiting.length||!this.width)return;let t=this.density(e),i=Math.max(2,Math.ceil(this.waiting.length/6)),r=4,n=s=>+(s.comment.look==="mine"),a=this.waiting.
sort((s,h)=>n(h)-n(s));this.waiting=[];for(let s of a)i>0&&r>0&&this.fly(s.comment,t,e)?i--:(r--,this.waiting.push(s))}get base(){return .05+this.width/12e3}fly(e,{font:t,track:i,speed:r},n){let a=this.
partsOf(X(e));this.context.font=`600 ${t}px ${this.look.family}`;let s=Math.ceil(a.reduce((d,c)=>d+this.widthOf(c,t),0))+T(e,t)*2,h=1+.3*Math.min(1,s/this.width),l=this.tracks.place({width:s,height:i},
this.base*r*h,n,Math.random()*60);return l?(this.ems+=(s/t-this.ems)*.02,this.shown.add(),this.flyers.push({comment:e,flight:l,sprite:this.paint(e,a,t,l)}),!0):!1}density(e){let t=this.offered.perSecond(
e),{times:i,speed:r}=this.look,n=G.map(({font:s,track:h,speed:l})=>({font:s*i,track:h*i,speed:l*r}));return n.find(({font:s,track:h,speed:l})=>{let d=(this.ems*s+L)/(this.base*l*1e3);return t<.75*Math.
floor(this.height/h)/d})??n[n.length-1]}partsOf(e){let t=this.pictures?.in(e)??[],i=[];if(!t.length||v(e)!==e)return[e];let r=0;for(let[n,a,s]of t){let h=this.pictures.of(s);h&&(i.push(e.slice(r,n),h),
r=a)}return[...i,e.slice(r)].filter(n=>n!=="")}widthOf(e,t){return typeof e=="string"?this.context.measureText(e).width:R*t}paint(e,t,i,{width:r,height:n}){let a=this.spare.pop()??document.createElement(
"canvas"),s=a.getContext("2d");a.width=Math.ceil(r*this.scale),a.height=Math.ceil(n*this.scale),s.scale(this.scale,this.scale),e.look!=="plain"&&(s.fillStyle=e.look==="mine"?"rgb(82 70 214 / .62)":"rg\
b(160 96 0 / .62)",s.strokeStyle=e.look==="mine"?"#cfc9ff":"#ffd873",s.lineWidth=1.5,s.beginPath(),s.roundRect(1,1,r-2,n-2,n/2),s.fill(),s.stroke()),s.font=`600 ${i}px ${this.look.family}`,s.textBaseline=
"middle",s.lineJoin="round",s.lineWidth=i/6,s.strokeStyle="rgb(8 6 24 / .72)",s.fillStyle=e.look==="gift"?"#ffe9a8":e.look==="mine"||e.hue%3?"#fff":`oklch(.9 .1 ${e.hue})`;let h=n/2+1,l=R*i,d=T(e,i);for(let c of t)
typeof c=="string"?(s.strokeText(c,d,h),s.fillText(c,d,h)):s.drawImage(c,d,h-l/2,l,l),d+=t.length>1?this.widthOf(c,i):0;return a}};function T(o,e){return o.look==="plain"?3:e*.7}var V=new Intl.Segmenter;
function X({text:o,who:e}){return(e?`${v(e)} `:"")+v(ee(o))}function ee(o){let e=o.replace(/\s+/g," ");if(e.length<=x)return e;let t=[...V.segment(e.slice(0,4*x))].map(i=>i.segment);return t.length<=x?
e:`${t.slice(0,x).join("")}…`}function I({userId:o,ts:e},t){return o!==""&&o===t.userId&&t.since<=e&&e<=t.until}var H=30,te=22,A=1e3,z=600,ie=`
.barrage { position: absolute; inset: 0; overflow: hidden; pointer-events: none; color: var(--barrage-color, #fff); font: var(--barrage-weight, 600) var(--barrage-size, 22px)/1.35 var(--barrage-font, \
system-ui, sans-serif); text-shadow: var(--barrage-shadow, 0 1px 3px rgb(0 0 0 / .85), 0 0 2px rgb(0 0 0 / .85)); }
.barrage-sky { position: absolute; inset: 0 0 auto; width: 100%; height: calc(100% * var(--barrage-area, 1)); }
.barrage-list { position: absolute; inset: auto 0 0; display: grid; gap: var(--barrage-gap, .15em); margin: 0; padding: var(--barrage-padding, .6em); list-style: none; }
.barrage-row { overflow-wrap: anywhere; overflow: clip; overflow-clip-margin: .2em; }
.barrage-name { margin-inline-end: .45em; color: var(--barrage-accent, oklch(.86 .12 var(--barrage-hue))); unicode-bidi: isolate; }
.barrage-text { unicode-bidi: isolate; font-weight: var(--barrage-text-weight, 500); }
.barrage-said { color: var(--barrage-accent, #ffe9a8); }
.barrage-fades .barrage-row { animation: barrage-out ${z}ms var(--barrage-fade) both; }
@keyframes barrage-out { to { opacity: 0; } }
@media (prefers-reduced-motion: reduce) { .barrage-sky { display: none; } }
`,F=class{#t;#i;#r;#o;#n;#d;#g=new M(H,2*H);#a;#s=[];#e=[];#c=[];#f=()=>"";#h=0;#u=-A;#l=!1;constructor(e,t={}){if(typeof e?.append!="function")throw m(`cannot make an overlay: its place is ${u(e)}, w\
ant an element or a shadow root`);if(typeof t!="object"||t===null)throw m(`cannot make an overlay: the options are no object but ${u(t)}`);let{look:i="fly",lines:r=8,fadeMs:n=0,area:a=1,size:s,font:h,
accent:l,hide:d=()=>!1}=t;if(!["fly","list","both"].includes(i))throw m(`cannot make an overlay: look is ${u(i)}, want fly, list or both`);if(q("lines",r,1,100),q("fadeMs",n,0,36e5),q("area",a,.1,1),s!==
void 0&&q("size",s,8,200),typeof d!="function")throw m(`cannot make an overlay: hide is no function but ${u(d)}`);this.#o=Math.floor(r),this.#n=n,this.#d=d;let c=this.#t=g("div",`barrage${n>0?" barrag\
e-fades":""}`),W={size:s&&`${s}px`,font:h,accent:l,fade:`${n}ms`,area:t.area&&String(a)};for(let[f,y]of Object.entries(W))y&&c.style.setProperty(`--barrage-${f}`,y);if(i!=="list"){let f=g("canvas","ba\
rrage-sky");f.ariaHidden="true",c.append(f);let y=this.#i=new S(f);this.#a=new ResizeObserver(()=>y.resize()),this.#a.observe(f)}let B=globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches;
(i!=="fly"||B)&&c.append(this.#r=g("ol","barrage-list")),e.append(c),this.#h=requestAnimationFrame(f=>this.#p(f))}show(e){if(typeof e?.on!="function")throw m(`cannot show a room: it is ${u(e)}, want a\
 Room or a Replay`);this.clear(),this.#f=()=>e.epoch;let t=i=>this.#m(i);this.#c=[e.on("message",(i,{history:r})=>this.#b(i,e.epoch,r,e.date??Date.now())),e.on("recalled",i=>t((r,n)=>w(i,r,n===e.epoch))),
e.on("purged",i=>t(r=>I(r,i))),e.on("cleared",i=>t((r,n)=>n!==i.epoch||r.seq<=i.seq))]}clear(){for(let e of this.#c.splice(0))e();this.#m(()=>!0),this.#i?.clear()}close(){this.clear(),cancelAnimationFrame(
this.#h),this.#a?.disconnect(),this.#t.remove()}#b(e,t,i,r){if(e.recalled||this.#d(e))return;let n=e.kind==="system",a=performance.now(),s=i?Math.max(0,r-e.ts):0;if(this.#r&&(this.#n===0||s<this.#n)&&
(n||i||this.#g.take(a))&&(this.#e.push({message:e,epoch:t,node:this.#y(e,s),endsAt:this.#n>0?a+this.#n-s+z:1/0}),this.#e.length>2*this.#o&&(this.#e=this.#e.slice(-this.#o))),i||document.hidden)return;
let h=e.kind==="gift";this.#i?.add({message:e,text:e.body,...h?{who:C(e)}:{},look:h||n?"gift":"plain",hue:$(e.userId)})}#y(e,t){let i=e.kind==="system",r=g("li",`barrage-row barrage-kind-${E(e.kind)}${i?
" barrage-said":""}`),n=e.user?.role;return typeof n=="string"&&n&&r.classList.add(`barrage-role-${E(n)}`),r.style.setProperty("--barrage-hue",String($(e.userId))),t>0&&(r.style.animationDelay=`${this.#n-
t}ms`),r.part.add("row"),i||r.append(g("b","barrage-name",C(e))," "),r.append(g("span","barrage-text",p(e.body))),r}#m(e){let t=({message:i,epoch:r,node:n})=>e(i,r)?(n.remove(),!1):!0;this.#s=this.#s.
filter(t),this.#e=this.#e.filter(t),this.#i?.drop(i=>e(i,this.#f()))}#w(){if(this.#l=this.#t.isConnected,!this.#l||getComputedStyle(this.#t).position!=="static")return;let e=this.#t.getRootNode(),t=new CSSStyleSheet;
t.replaceSync(`@layer barrage { ${ie} }`),e.adoptedStyleSheets=[...e.adoptedStyleSheets,t]}#v(e,t){if(t-this.#u>=A){let{fontFamily:i,fontSize:r}=getComputedStyle(this.#t);e.look={family:i,times:parseFloat(
r)/te,speed:1},this.#u=t}e.draw(performance.now())}#p(e){if(this.#h=requestAnimationFrame(n=>this.#p(n)),this.#l||this.#w(),this.#i&&this.#v(this.#i,e),!this.#r)return;let t=this.#s.length>0&&this.#s[0].
endsAt<=e;if(this.#e.length===0&&!t)return;let i=[...this.#s,...this.#e.splice(0)],r=i.filter(({endsAt:n})=>n>e).slice(-this.#o);for(let n of i)r.includes(n)||n.node.remove();for(let{node:n}of r)n.isConnected||
this.#r.append(n);this.#s=r}};function q(o,e,t,i){if(!(typeof e=="number"&&e>=t&&e<=i))throw m(`cannot make an overlay: ${o} is ${u(e)}, want ${t} to ${i}`)}function E(o){return o.replace(/[^\w-]/g,"_").
slice(0,32)}function g(o,e,t=""){let i=document.createElement(o);return i.className=e,t&&(i.dir="auto",i.textContent=t),i}export{F as Overlay,ie as overlayStyle};
